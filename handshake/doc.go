// Package handshake is the opening handshake of the WebSocket protocol
// (RFC 6455, 4) for both sides, over HTTP/1.1.
//
// It holds no socket and no source of randomness: requests and responses come
// in as net/http values, a server's requests also as bytes, and heads to be sent
// are appended to a slice.
//
//   - A server calls [CheckRequest], or [Head.Parse] and [CheckHead], then [CheckOrigin],
//     [Request.Response] and [AppendResponse], or [AppendRefusal].
//   - A client calls [ParseURL], [EncodeKey], [AppendRequest] and
//     [CheckResponse].
//
// Whatever the peer did wrong is an [*Error]. On the server it carries the
// status and the header fields of the HTTP answer.
//
// All functions may be called from any goroutine; a [Head] is for one at a time.
package handshake
