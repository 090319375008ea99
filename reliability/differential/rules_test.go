package differential

// rules are those that the engine enforces and lenient peers do not, each as the engine says it, with the RFC's words. A limit is no rule of the RFC, but its status code is: where an implementation
// begins to count differs.
var rules = map[string]string{
	"RFC 6455, 5.2: payload length is not encoded in the minimal number of bytes": `RFC 6455, 5.2: "in all cases, the minimal number of bytes MUST be used to encode the length"`,
	"RFC 6455, 5.5: payload length of a control frame takes more than 7 bits":     `RFC 6455, 5.5: "All control frames MUST have a payload length of 125 bytes or less", which 7 bits hold; and 5.2 as above`,
	"RFC 6455, 8.1: text message is not valid UTF-8":                              `RFC 6455, 8.1: "that endpoint MUST _Fail the WebSocket Connection_"; some leave the check to the application, and say so`,
	"RFC 6455, 7.4.1: message is larger than the limit":                           `RFC 6455, 7.4.1: "1009 indicates that an endpoint is terminating the connection because it has received a message that is too big for it to process."`,
	"RFC 6455, 10.4: message has more fragments than the limit":                   `RFC 6455, 10.4: "Such an implementation SHOULD impose a limit on frame sizes and the total message size"`,
}
