package frame

import (
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// mayBeSent is the oracle for all 65,536 codes, as inclusive ranges.
func mayBeSent(c int) bool {
	for _, r := range [][2]int{{1000, 1003}, {1007, 1014}, {3000, 4999}} {
		if r[0] <= c && c <= r[1] {
			return true
		}
	}
	return false
}

func TestMayBeSent(t *testing.T) {
	for c := range 1 << 16 {
		if got := StatusCode(c).MayBeSent(); got != mayBeSent(c) {
			t.Errorf("%d: got %v", c, got)
		}
	}
}

// TestRegistry compares the constants and their names with IANA's WebSocket
// Close Code Number Registry, in testdata/close-codes.csv.
func TestRegistry(t *testing.T) {
	f, err := os.Open("testdata/close-codes.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	constants := map[StatusCode]bool{
		StatusNormalClosure: true, StatusGoingAway: true, StatusProtocolError: true, StatusUnsupportedData: true,
		StatusNoStatusRcvd: true, StatusAbnormalClosure: true, StatusInvalidFramePayloadData: true,
		StatusPolicyViolation: true, StatusMessageTooBig: true, StatusMandatoryExt: true, StatusInternalError: true,
		StatusServiceRestart: true, StatusTryAgainLater: true, StatusBadGateway: true, StatusTLSHandshake: true,
		StatusUnauthorized: true, StatusForbidden: true, StatusTimeout: true,
	}
	next := 1000
	for _, record := range records[1:] {
		code, meaning := record[0], record[1]
		t.Run("7.4/"+code, func(t *testing.T) {
			first, last, isRange := strings.Cut(code, "-")
			if !isRange {
				last = first
			}
			lo, err1 := strconv.Atoi(first)
			hi, err2 := strconv.Atoi(last)
			if err1 != nil || err2 != nil || lo != next || hi < lo {
				t.Fatalf("the row does not follow %d", next-1)
			}
			next = hi + 1
			for c := lo; c <= hi; c++ {
				want := meaning
				switch {
				case isRange:
					want = fmt.Sprintf("status code %d", c)
				case c == 1004:
					want = "status code 1004" // reserved, without a name
				case c == 1014:
					want = "Bad Gateway" // the meaning is two sentences
				}
				if got := StatusCode(c).String(); got != want {
					t.Errorf("%d: got %q, want %q", c, got, want)
				}
				if want := !isRange && c != 1004; constants[StatusCode(c)] != want {
					t.Errorf("%d: there is a constant: %v", c, !want)
				}
				delete(constants, StatusCode(c))
			}
		})
	}
	if next != 5000 {
		t.Errorf("the registry ends before %d", next)
	}
	if len(constants) != 0 {
		t.Errorf("not in the registry: %v", constants)
	}
}
