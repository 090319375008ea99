// Package mask implements the masking of RFC 6455, 5.3: payload octet i is
// combined by XOR with octet i modulo 4 of the masking key. The same operation
// masks and unmasks.
//
// A payload may be processed in pieces of any size. Each call returns the key
// rotated to the octet that comes next, and that key goes into the next call.
//
// Long payloads are processed with vector instructions: AVX-512 or AVX2 on
// amd64, where the processor has them, and NEON on arm64. All others, and all
// payloads of a build with the tag purego, are processed by words in plain Go.
// The race detector and the sanitizers do not see what assembly reads and
// writes; a build with purego shows them all of it.
//
// The functions are pure and keep nothing. Calls on distinct slices may run
// concurrently. Choosing a key that nobody can predict is the caller's
// business (RFC 6455, 10.3).
package mask
