// Package deflate is the permessage-deflate extension (RFC 7692). It knows
// messages, not frames.
//
// The receiving half is two types. A [Window] belongs to one direction of one
// connection and is all that is kept between messages. An [Inflater] belongs to
// one message: [GetInflater] lends it when the message begins, and
// [PutInflater] takes it back when the message has ended, well or badly.
package deflate
