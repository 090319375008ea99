// Package frame is the wire format of RFC 6455: frame headers (5.2), the rules
// that a single header must obey (5.1 to 5.5), the payload of a Close frame
// (5.5.1) and status codes (7.4).
//
// Wire functions come in threes. ConsumeX reads X from the beginning of a
// slice, AppendX writes it to the end of one, SizeX says how many octets that
// takes. Reading a header and judging it are two steps: [ConsumeHeader] never
// fails, and [Check] holds every rule.
//
// Errors know their side. A [*ProtocolError] says which MUST the peer broke;
// the variables of this package named Err say what is wrong with something
// that we were about to send. A [StatusCode] is not an error.
//
// Nothing here does I/O, and nothing allocates but String and Error methods
// and the growth of a slice that is appended to. All functions may be called
// concurrently.
package frame
