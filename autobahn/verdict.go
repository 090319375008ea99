package autobahn

import (
	"fmt"
	"slices"
	"strings"
)

// A Verdict is the testsuite's word for how a case went.
type Verdict string

// The verdicts on behavior are OK, NON-STRICT, FAILED, INFORMATIONAL and UNIMPLEMENTED, those
// on the close OK, WRONG CODE, UNCLEAN, FAILED, FAILED BY CLIENT and INFORMATIONAL.
const (
	OK             Verdict = "OK"
	NonStrict      Verdict = "NON-STRICT"       // allowed, but not what the RFC recommends
	Failed         Verdict = "FAILED"           // a MUST is broken
	Informational  Verdict = "INFORMATIONAL"    // the RFC leaves it open
	Unimplemented  Verdict = "UNIMPLEMENTED"    // the peer does not have the extension
	WrongCode      Verdict = "WRONG CODE"       // closed, with a code that the case does not expect
	Unclean        Verdict = "UNCLEAN"          // no Close frame, or no end of the connection in time
	FailedByClient Verdict = "FAILED BY CLIENT" // the server left it to the client to end the TCP connection
)

// ending is what is known of a connection when it is gone.
type ending struct {
	opened      bool   // the opening handshake succeeded
	closedByUs  bool   // our Close frame was the first
	clean       bool   // two Close frames were exchanged, and the end came in time
	notClean    string // why not
	droppedByUs bool
	remoteCode  *uint16
	emptyClose  bool // the peer's Close frame had no payload
	weServe     bool // we are the server, and the peer is the client
}

// judgeClose is the testsuite's verdict on how a connection ended, and why.
func judgeClose(rule CloseRule, e ending) (Verdict, string) {
	switch {
	case !e.opened:
		return Failed, "The opening handshake was never completed."
	case rule.ByUs && !e.closedByUs && e.remoteCode == nil && !e.clean:
		return Failed, "The peer dropped the connection without a Close frame, where we had to close it."
	case rule.ByUs != e.closedByUs && rule.ByUs:
		return Failed, "The peer closed the connection, which was ours to do."
	case rule.ByUs != e.closedByUs:
		why := "The peer did not fail the connection: we had to close it in the end."
		if e.notClean != "" {
			why += " In the end, " + e.notClean + "."
		}
		return Failed, why
	case rule.Clean && !e.clean:
		return Unclean, "The connection has to end cleanly here, but: " + e.notClean + "."
	case e.remoteCode != nil && !slices.Contains(rule.Codes, *e.remoteCode):
		return WrongCode, fmt.Sprintf("The close code should have been %s or none, but was %d.", codes(rule.Codes), *e.remoteCode)
	case rule.NeedsCode && e.emptyClose:
		return WrongCode, fmt.Sprintf("The close code should have been %s: a Close frame without one says that all is well.", codes(rule.Codes))
	case !e.weServe && e.droppedByUs:
		return FailedByClient, "The server should have been the one to end the TCP connection (RFC 6455, 7.1.1)."
	}
	return OK, "The connection ended as it should."
}

func codes(all []uint16) string {
	var s []string
	for _, c := range all {
		s = append(s, fmt.Sprint(c))
	}
	return strings.Join(s, ", ")
}

// match finds the outcome that is what was received, or nil.
func match(outcomes []Outcome, received []Event) *Outcome {
	for i := range outcomes {
		if slices.EqualFunc(outcomes[i].Events, received, Event.equal) {
			return &outcomes[i]
		}
	}
	return nil
}

// judgeEvents is the verdict on what was received, and why.
func judgeEvents(outcomes []Outcome, received []Event) (Verdict, string) {
	switch o := match(outcomes, received); {
	case o == nil:
		var wanted []string
		for _, o := range outcomes {
			wanted = append(wanted, describe(o.Events))
		}
		return Failed, fmt.Sprintf("Expected: %s. Came back: %s.", strings.Join(wanted, "; or "), describe(received))
	case o.Verdict == OK:
		return OK, "What came back is what has to: " + describe(received) + "."
	default:
		return o.Verdict, "What came back is allowed, but not the strict behavior: " + describe(received) + "."
	}
}
