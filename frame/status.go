package frame

import "strconv"

// StatusCode is the status code of a Close frame: "a reason for closure"
// (RFC 6455, 7.4). It deliberately is not an error: an error says who sent
// the code.
type StatusCode uint16

// The codes of IANA's WebSocket Close Code Number Registry. 1004 is reserved
// and has no meaning. 4000 to 4999 are for private use (RFC 6455, 7.4.2).
const (
	StatusNormalClosure           StatusCode = 1000 // RFC 6455, 7.4.1
	StatusGoingAway               StatusCode = 1001 // RFC 6455, 7.4.1
	StatusProtocolError           StatusCode = 1002 // RFC 6455, 7.4.1
	StatusUnsupportedData         StatusCode = 1003 // RFC 6455, 7.4.1
	StatusNoStatusRcvd            StatusCode = 1005 // RFC 6455, 7.4.1; never sent: the Close frame had no code
	StatusAbnormalClosure         StatusCode = 1006 // RFC 6455, 7.4.1; never sent: there was no Close frame
	StatusInvalidFramePayloadData StatusCode = 1007 // RFC 6455, 7.4.1
	StatusPolicyViolation         StatusCode = 1008 // RFC 6455, 7.4.1
	StatusMessageTooBig           StatusCode = 1009 // RFC 6455, 7.4.1
	StatusMandatoryExt            StatusCode = 1010 // RFC 6455, 7.4.1; sent by clients
	StatusInternalError           StatusCode = 1011 // RFC 6455, 7.4.1 and erratum 3227
	StatusServiceRestart          StatusCode = 1012 // IANA registry
	StatusTryAgainLater           StatusCode = 1013 // IANA registry
	StatusBadGateway              StatusCode = 1014 // IANA registry
	StatusTLSHandshake            StatusCode = 1015 // RFC 6455, 7.4.1; never sent: TLS failed
	StatusUnauthorized            StatusCode = 3000 // IANA registry
	StatusForbidden               StatusCode = 3003 // IANA registry
	StatusTimeout                 StatusCode = 3008 // IANA registry
)

// String returns the name of c in IANA's registry, or "status code 4001" and
// the like if it has none.
func (c StatusCode) String() string {
	switch c {
	case StatusNormalClosure:
		return "Normal Closure"
	case StatusGoingAway:
		return "Going Away"
	case StatusProtocolError:
		return "Protocol error"
	case StatusUnsupportedData:
		return "Unsupported Data"
	case StatusNoStatusRcvd:
		return "No Status Rcvd"
	case StatusAbnormalClosure:
		return "Abnormal Closure"
	case StatusInvalidFramePayloadData:
		return "Invalid frame payload data"
	case StatusPolicyViolation:
		return "Policy Violation"
	case StatusMessageTooBig:
		return "Message Too Big"
	case StatusMandatoryExt:
		return "Mandatory Ext."
	case StatusInternalError:
		return "Internal Error"
	case StatusServiceRestart:
		return "Service Restart"
	case StatusTryAgainLater:
		return "Try Again Later"
	case StatusBadGateway:
		// The registry has two sentences here, which end by naming the HTTP
		// status 502. This is the name of that status.
		return "Bad Gateway"
	case StatusTLSHandshake:
		return "TLS handshake"
	case StatusUnauthorized:
		return "Unauthorized"
	case StatusForbidden:
		return "Forbidden"
	case StatusTimeout:
		return "Timeout"
	}
	return "status code " + strconv.FormatUint(uint64(c), 10)
}

// MayBeSent reports whether c may appear in a Close frame: 1000 to 1003, 1007
// to 1014 and 3000 to 4999.
func (c StatusCode) MayBeSent() bool {
	switch {
	case c <= 999:
		// "Status codes in the range 0-999 are not used." RFC 6455, 7.4.2
		return false
	case c == 1004, c == StatusNoStatusRcvd, c == StatusAbnormalClosure, c == StatusTLSHandshake:
		// 1004: "The specific meaning might be defined in the future." The others:
		// "a reserved value and MUST NOT be set as a status code in a Close control
		// frame by an endpoint." RFC 6455, 7.4.1
		return false
	case c <= StatusTLSHandshake:
		return true
	case c <= 2999:
		// "reserved for definition by this protocol, its future revisions, and
		// extensions": none of these has been defined. RFC 6455, 7.4.2
		return false
	case c <= 4999:
		// Libraries, frameworks and applications, then private use. RFC 6455, 7.4.2
		return true
	}
	return false
}
