package handshake

import (
	"crypto/fips140"
	"crypto/sha1"
	"encoding/base64"
	"strings"
)

// version is the one version of the protocol that there is (RFC 6455, 4.1 and
// 11.6).
const version = "13"

// guid proves that a server knows the WebSocket protocol (RFC 6455, 1.3).
const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

const base64Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// EncodeKey returns the Sec-WebSocket-Key for nonce: "a nonce consisting of a
// randomly selected 16-byte value that has been base64-encoded". The nonce must
// be random for each connection (RFC 6455, 4.1).
func EncodeKey(nonce [16]byte) string {
	return base64.StdEncoding.EncodeToString(nonce[:])
}

// ValidKey reports whether key is the base64 encoding of 16 bytes: 22 characters
// of the standard alphabet, then "==" (RFC 6455, 4.2.1). The four bits that
// padding leaves over may have any value, because the RFC's own example in 4.1,
// "AQIDBAUGBwgJCgsMDQ4PEC==", sets one of them.
func ValidKey(key string) bool {
	const digits = 22
	return len(key) == digits+len("==") && key[digits:] == "==" &&
		strings.Trim(key[:digits], base64Alphabet) == ""
}

// AcceptKey returns the Sec-WebSocket-Accept that answers the Sec-WebSocket-Key
// key: the base64 encoding of the SHA-1 of key and a fixed GUID (RFC 6455,
// 4.2.2).
func AcceptKey(key string) string {
	return string(appendAcceptKey(nil, key))
}

func appendAcceptKey(b []byte, key string) []byte {
	var sum [sha1.Size]byte
	// The handshake "doesn't depend on any security properties of SHA-1"
	// (RFC 6455, 10.8), so FIPS 140-only mode, where sha1.Sum panics, has no
	// say here.
	fips140.WithoutEnforcement(func() {
		sum = sha1.Sum(append(append(make([]byte, 0, 64), key...), guid...))
	})
	return base64.StdEncoding.AppendEncode(b, sum[:])
}
