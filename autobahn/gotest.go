package autobahn

import (
	"testing"
)

// Test runs cases against the server at a ws or wss URL, which has to send every message
// back, from a go test. A case that does not pass is a failed sub-test with the reason, the
// section of the RFC, and what went over the wire. It returns the report, for more than that.
//
//	func TestConformance(t *testing.T) {
//		server := httptest.NewServer(echo)
//		defer server.Close()
//		autobahn.Test(t, "ws"+strings.TrimPrefix(server.URL, "http"), &autobahn.Config{
//			Cases: "*", Exclude: "12.*,13.*",
//		})
//	}
//
// If config is nil, the default is the testsuite's cases with 50 messages for each of groups 12
// and 13. UNIMPLEMENTED does not fail: a server without compression has said so itself.
func Test(t *testing.T, url string, config *Config) *Report {
	t.Helper()
	if config == nil {
		config = &Config{Messages: 50}
	}
	report, err := TestServer(t.Context(), url, config)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range report.Results {
		if r.Pass() || r.Behavior == Unimplemented && r.BehaviorClose == OK {
			continue
		}
		t.Run(r.Case.ID, func(t *testing.T) { t.Error(r.failure()) })
	}
	return report
}

// failure is everything that there is to say of a case that does not pass.
func (r *Result) failure() string {
	s := r.Case.Description + "\n" + r.Case.Expectation + " (" + r.Case.Section + ")\n" +
		string(r.Behavior) + ": " + r.Why + "\nclose " + string(r.BehaviorClose) + ": " + r.WhyClose + "\n"
	for _, e := range r.Log {
		s += e.Side + ": " + e.Text + "\n"
	}
	return s
}
