package protocol

// State is how far the closing handshake of a connection has come (RFC 6455, 7.1). Every transition is in this file.
type State uint8

const (
	// Open: neither side has sent a Close frame. Messages go both ways.
	Open State = iota
	// CloseSent: our Close frame is on its way. We send no message any more, still answer pings (RFC 6455, 5.5.2: "unless it already
	// received a Close frame"), and take what the peer sends until its Close frame comes.
	CloseSent
	// CloseReceived: the peer's Close frame has come and ours is due. We send nothing but that, and discard what comes.
	CloseReceived
	// Closed: Close frames went both ways, so the closing handshake is complete (RFC 6455, 5.5.1, 7.1.4). Nothing is sent, what comes is
	// discarded.
	Closed
	// Failed: "Fail the WebSocket Connection" (RFC 6455, 7.1.7). Our Close frame, if we had not sent one before, is the last thing
	// that is sent; what comes is discarded.
	Failed
)

// String returns the state's name.
func (s State) String() string {
	switch s {
	case Open:
		return "open"
	case CloseSent:
		return "close sent"
	case CloseReceived:
		return "close received"
	case Closed:
		return "closed"
	case Failed:
		return "failed"
	}
	return "invalid state"
}

// step is what moves a State.
type step uint8

const (
	sendClose    step = iota // the Close frame that we send is decided
	receiveClose             // the peer's Close frame has come
	fail                     // the peer broke a rule, or a limit of ours
)

// after returns the state that follows s. It does not know the role: the same rules hold for both sides.
func (s State) after(e step) State {
	switch {
	case e == fail && (s == Open || s == CloseSent):
		return Failed
	case e == sendClose && s == Open:
		return CloseSent
	case e == sendClose && s == CloseReceived:
		return Closed
	case e == receiveClose && s == Open:
		return CloseReceived
	case e == receiveClose && s == CloseSent:
		return Closed
	}
	return s
}

// maySendData: "MUST NOT send any more data frames after sending a Close frame" (RFC 6455, 5.5.1).
func (s State) maySendData() bool { return s == Open }

// mayPong: a ping is answered "unless it already received a Close frame" (RFC 6455, 5.5.2), and never behind the Close of a failed connection.
func (s State) mayPong() bool { return s == Open || s == CloseSent }
