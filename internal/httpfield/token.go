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

// vchar is the set of bytes a field value is made of (RFC 9110, 5.5).
var vchar = func() (set [256]bool) {
	for c := range set {
		set[c] = c >= ' ' && c != 0x7f || c == '\t'
	}
	return set
}()

// IsToken reports whether s is a token: one or more tchar (RFC 9110, 5.6.2).
func IsToken(s string) bool {
	return s != "" && TokenLen(s) == len(s)
}

// TokenLen returns the length of the longest prefix of s made of tchar.
func TokenLen[T ~string | ~[]byte](s T) int {
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
	return ValueLen(s) == len(s)
}

// ValueLen returns the length of the longest prefix of s that [ValidValue]
// accepts.
func ValueLen[T ~string | ~[]byte](s T) int {
	for i := range len(s) {
		if !vchar[s[i]] {
			return i
		}
	}
	return len(s)
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
