// Package conntest is the workshop in which every feature of the engine is born: an in-memory
// connection, a connection that fails on demand, a chopper, a strict WebSocket frame parser and
// writer, a scripted peer and a leak check.
//
// It is for tests only and not for production: it keeps every byte it has seen, it takes a
// [testing.TB], and it favours a clear failure message over speed.
//
// It imports none of the engine's packages, because it judges them: its frame parser and writer
// are its own, so that the same mistake would have to be made twice to go unseen.
//
// # In a synctest bubble
//
// Everything here may be used in a [testing/synctest] bubble. What waits, waits on channels and
// timers; a mutex is held only for a few statements. Create the connections inside the bubble.
// Call [CheckLeaks] outside of it: a bubble reports its own left-over goroutines.
//
// # Terminology
//
// An end is one of the two sides of a connection. A peer is the end that the test plays; the
// other end is the engine under test.
package conntest
