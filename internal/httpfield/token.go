package httpfield

// tchar is the set of bytes a token is made of, one bit each
// (RFC 9110, 5.6.2).
var tchar = func() (set [256]bool) {
	for c := '0'; c <= '9'; c++ {
		set[c] = true
	}
	for c := 'a'; c <= 'z'; c++ {
		set[c], set[c-'a'+'A'] = true, true
	}
	for _, c := range "!#$%&'*+-.^_`|~" {
		set[c] = true
	}
	return set
}()

// IsToken reports whether s is a token: one or more tchar (RFC 9110, 5.6.2).
func IsToken(s string) bool {
	return s != "" && tokenLen(s) == len(s)
}

// tokenLen returns the length of the longest prefix of s made of tchar.
func tokenLen(s string) int {
	for i := range len(s) {
		if !tchar[s[i]] {
			return i
		}
	}
	return len(s)
}

// ValidValue reports whether s may stand as a field value: visible characters,
// spaces, tabs and bytes from 0x80, but no CR, LF, NUL or other control
// character (RFC 9110, 5.5).
func ValidValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// EqualFold reports whether a and b are equal when the case of ASCII letters is
// ignored. strings.EqualFold also folds other scripts: to it the Kelvin sign in
// "websoc\u212aet" is a k.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
