package autobahn

import (
	"fmt"
	"strings"
	"testing"
)

// A peer that is right passes every case, in both roles.
func TestRightPeerPasses(t *testing.T) {
	for _, role := range []string{"server", "client"} {
		for _, c := range append(Cases(), MoreCases()...) {
			if c.Role != "" && c.Role != role || c.Rounds != nil && c.Rounds.Size > 70000 || c.Answer != "" || c.group() == "9" && c.Rounds.Chop > 0 {
				continue // long messages are for the tests of the testee
			}
			if c.ID == "6.4.3" || c.ID == "6.4.4" {
				continue // the peer looks at whole frames
			}
			if strings.HasPrefix(c.ID, "H.3.") && c.Informational != "" || strings.HasPrefix(c.ID, "H.4.") {
				continue // the peer takes what the suite itself takes at most
			}
			peer := &wrongPeer{client: role == "client"}
			if d := c.Deflate; d != nil {
				bits := cmpOr15(d.OwnWindowBits)
				peer.deflater, peer.inflater = newDeflater(15, true), newInflater(bits, !d.OwnNoContextTakeover)
			}
			r := playCase(t, c, peer)
			if !r.Pass() {
				t.Errorf("6455/%s_%s: %s, close %s\n%s\n%s\n%s", role, c.ID, r.Behavior, r.BehaviorClose, r.Why, r.WhyClose, logText(r))
			}
		}
	}
}

// Each verdict, by a peer that deserves it.
func TestVerdicts(t *testing.T) {
	for _, tt := range []struct {
		name     string
		id       string
		peer     wrongPeer
		behavior Verdict
		close    Verdict
		why      string // part of the reasons
	}{
		{"7.1.1/server_drops", "1.1.2", wrongPeer{drops: true}, Failed, Failed, "without a Close frame"},
		{"5.2/server_is_silent", "1.1.2", wrongPeer{silent: true}, Failed, WrongCode, "Came back: nothing"},
		{"5.2/echo_is_changed", "1.1.2", wrongPeer{changes: true}, Failed, WrongCode, "Came back: text message"},
		{"5.2/echo_has_the_other_type", "1.1.2", wrongPeer{otherType: true}, Failed, WrongCode, "Came back: binary message"},
		{"5.2/server_closes_instead", "1.1.2", wrongPeer{closes: true}, Failed, Failed, "ours to do"},
		{"5.5.2/no_pong", "2.2", wrongPeer{noPong: true}, Failed, OK, "Came back: nothing"},
		{"5.5.2/server_pings_too", "1.1.2", wrongPeer{pings: true}, OK, OK, ""},
		{"5.2/reserved_bits_pass", "3.2", wrongPeer{lenient: true}, OK, Failed, "we had to close it"},
		{"5.5/long_ping_passes", "2.5", wrongPeer{lenient: true}, OK, Failed, "we had to close it"},
		{"8.1/text_passes", "6.3.1", wrongPeer{lenient: true}, Failed, Failed, "a text that is not UTF-8"},
		{"8.1/text_is_judged_late", "6.4.1", wrongPeer{lateUTF8: true}, NonStrict, OK, "not the strict behavior"},
		{"8.1/text_is_judged_late_inside_a_frame", "6.4.3", wrongPeer{}, NonStrict, OK, "not the strict behavior"},
		{"8.1/fails_with_another_code", "6.3.1", wrongPeer{failsWith: 1002}, OK, WrongCode, "1007 or none"},
		{"5.1/server_masks", "1.1.2", wrongPeer{mask: true}, Failed, Unclean, "a frame of a server is masked"},
		{"5.1/client_does_not_mask", "1.1.2", wrongPeer{client: true, mask: true}, Failed, Unclean, "broke a MUST"},
		{"5.2/server_sets_RSV1", "1.1.2", wrongPeer{rsv: true}, Failed, Unclean, "broke a MUST"},
		{"8.1/server_sends_no_UTF8", "1.1.2", wrongPeer{notUTF8: true}, Failed, Unclean, "broke a MUST"},
		{"5.5.1/no_answer_to_close", "1.1.2", wrongPeer{noClose: true}, OK, Unclean, "did not answer our Close frame"},
		{"7.1.1/server_stays", "2.1", wrongPeer{stays: true}, OK, Unclean, "did not end the TCP connection"},
		{"7.1.1/server_stays_until_the_case_is_over", "1.1.2", wrongPeer{stays: true}, OK, FailedByClient, "the one to end"},
		{"5.5.1/no_answer_to_close_of_ours_without_a_limit", "2.1", wrongPeer{noClose: true}, OK, Unclean, "did not answer our Close frame"},
		{"7.1.1/server_fails_and_stays", "3.1", wrongPeer{stays: true}, OK, FailedByClient, "the one to end"},
		{"7.1.1/client_stays", "1.1.2", wrongPeer{client: true, stays: true}, OK, OK, ""},
		{"5.5.1/other_code", "1.1.2", wrongPeer{code: 1001}, OK, WrongCode, "should have been 1000 or none, but was 1001"},
		{"5.5.1/other_code_where_it_decides", "7.1.1", wrongPeer{code: 1001}, Failed, WrongCode, "but was 1001"},
		{"7.4/code_that_must_not_be_sent", "1.1.2", wrongPeer{code: 1005}, OK, Unclean, "code 1005"},
		{"5.5.1/close_of_one_octet", "1.1.2", wrongPeer{closeOctets: "x"}, OK, Unclean, "payload of one octet"},
		{"5.5.1/reason_that_is_not_UTF8", "1.1.2", wrongPeer{closeOctets: "\x03\xe8\xff"}, OK, Unclean, "reason that is not UTF-8"},
		{"7.1.6/informational", "7.1.6", wrongPeer{}, Informational, Informational, "leaves open"},
		{"5.5.1/message_behind_the_close", "1.1.2", wrongPeer{client: true, twice: true}, OK, OK, ""},
		{"9/echo_is_changed", "9.7.2", wrongPeer{changes: true}, Failed, OK, "other octets"},
		{"9/echo_is_short", "9.7.2", wrongPeer{shortens: true}, Failed, OK, "has 16 octets and came back with 15"},
		{"9/echo_has_the_other_type", "9.7.2", wrongPeer{otherType: true}, Failed, OK, "as the other type"},
		{"9/server_is_silent", "9.7.2", wrongPeer{silent: true}, Failed, OK, "did not come back"},
		{"7692_7/declined", "12.1.1", wrongPeer{}, Unimplemented, OK, "declined compression"},
		{"7692_7/declined_in_a_case_that_has_to_fail", "H.9.6", wrongPeer{}, Unimplemented, OK, "declined compression"},
		{"7692_7/wrong_stream", "12.1.1", wrongPeer{rsv: true, inflater: newInflater(15, true), deflater: newDeflater(15, true)}, Failed, Unclean, "cannot be inflated"},
		{"7692_7.1.2/more_than_the_window_passes", "H.10.4", wrongPeer{inflater: newInflater(15, true), deflater: newDeflater(15, true)}, NonStrict, OK, "not the strict behavior"},
		{"7692_7.1.1/the_message_before_is_kept", "H.10.12", wrongPeer{inflater: newInflater(15, true), deflater: newDeflater(15, true)}, NonStrict, OK, "not the strict behavior"},
		{"7692_7.1.2/the_window_is_smaller", "H.10.3", wrongPeer{inflater: newInflater(8, true), deflater: newDeflater(15, true)}, Failed, Failed, "ours to do"},
		{"5.2/long_form_passes", "H.1.3", wrongPeer{lenient: true}, OK, Failed, "we had to close it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := playCase(t, caseByID(t, tt.id), &tt.peer)
			if r.Behavior != tt.behavior || r.BehaviorClose != tt.close || !strings.Contains(r.Why+" "+r.WhyClose, tt.why) {
				t.Errorf("%s, close %s (%s / %s), want %s, close %s with %q\n%s", r.Behavior, r.BehaviorClose, r.Why, r.WhyClose, tt.behavior, tt.close, tt.why, logText(r))
			}
			if pass := tt.behavior == OK && tt.close == OK || tt.id == "7.1.6"; r.Pass() != pass {
				t.Errorf("Pass is %v", r.Pass())
			}
		})
	}
}

// What is sent is what the case says, octet by octet and write by write.
func TestWritesAreThoseOfTheCase(t *testing.T) {
	for _, tt := range []struct {
		id     string
		writes []int // the first ones, as a server
	}{
		{"1.1.2", []int{127}},
		{"1.1.8", []int{997, 997}},
		{"2.6", []int{1, 1, 1}},
		{"3.2", []int{15 + 15 + 2}},
		{"3.3", []int{15, 15, 2}},
		{"6.4.3", []int{2 + 11, 4, 6 + 2}},
	} {
		t.Run(tt.id, func(t *testing.T) {
			got := recordWrites(t, caseByID(t, tt.id))
			if len(got) < len(tt.writes) || fmt.Sprint(got[:len(tt.writes)]) != fmt.Sprint(tt.writes) {
				t.Errorf("writes of %v octets, want %v", got[:min(len(got), 10)], tt.writes)
			}
		})
	}
}
