package autobahn

import (
	"time"
)

// A Result is how one case went.
type Result struct {
	Case  *Case
	Agent string

	Behavior      Verdict
	BehaviorClose Verdict
	Why, WhyClose string // the reasons for the two

	// RemoteCloseCode is the code of the peer's Close frame, nil if it had none or there
	// was no Close frame.
	RemoteCloseCode *uint16

	Started  time.Time
	Duration time.Duration

	Request, Response string // the heads of the opening handshake
	Received          []Event
	Log               []LogEntry

	weServe bool
	end     ending
}

// Pass reports whether both verdicts are good: OK, or INFORMATIONAL for a case that always
// is. NON-STRICT and UNIMPLEMENTED are no pass.
func (r *Result) Pass() bool {
	if r.Case.Informational != "" {
		return r.Behavior == Informational && r.BehaviorClose == Informational
	}
	return r.Behavior == OK && r.BehaviorClose == OK
}

// judge makes the verdicts of a session that has ended.
func (s *session) judge(r *Result) {
	r.end, r.weServe = s.end, s.weServe
	r.Received = s.received
	r.RemoteCloseCode = s.end.remoteCode
	r.Log = s.log.all()
	r.Behavior, r.Why = s.roundVerdict, s.roundWhy
	if s.c.Rounds == nil {
		r.Behavior, r.Why = judgeEvents(s.c.Outcomes, s.received)
	}
	rule := s.c.rule(match(s.c.Outcomes, s.received))
	if s.unimplemented {
		r.Behavior, r.Why = Unimplemented, "The peer declined compression, or what the case asks of it."
		rule = normal
	}
	r.BehaviorClose, r.WhyClose = judgeClose(rule, s.end)
	if s.unimplemented {
		return
	}
	if rule.Fatal && rule.ByUs != s.end.closedByUs || s.c.CodeDecides && r.BehaviorClose == WrongCode {
		r.Behavior, r.Why = Failed, r.WhyClose
		if s.end.emptyClose {
			r.Behavior = NonStrict
		}
	}
	if s.c.Informational != "" {
		r.Behavior, r.BehaviorClose = Informational, Informational
		r.Why += " " + s.c.Informational
	}
}

// notOpened is the result of an opening handshake that failed.
func (r *Result) notOpened(why string) {
	r.Behavior, r.Why = Failed, why
	r.BehaviorClose, r.WhyClose = judgeClose(r.Case.Close, ending{})
	if r.Case.Informational != "" {
		r.Behavior, r.BehaviorClose = Informational, Informational
	}
}
