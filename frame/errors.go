package frame

import "strings"

// ProtocolError says that the peer broke a MUST, and which. The endpoint that
// finds it is to _Fail the WebSocket Connection_ with Code (RFC 6455, 7.1.7).
//
// The errors that this package returns are shared: they must not be modified.
type ProtocolError struct {
	Code    StatusCode // what to put into the Close frame
	Section string     // where the rule is, such as "RFC 6455, 5.2"
	Detail  string     // what the peer did, without a full stop
}

// Error returns the name of the status code, the detail and the section. The
// text is for people and may change.
func (e *ProtocolError) Error() string {
	return strings.ToLower(e.Code.String()) + ": " + e.Detail + " (" + e.Section + ")"
}
