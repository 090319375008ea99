package httpfield

import (
	"fmt"
	"strings"
)

// HasToken reports whether token is an element of the list that lines form.
// The case of ASCII letters is ignored. Only whole elements match; an element
// that is no token matches nothing and does not hide its neighbours.
func HasToken(lines []string, token string) bool {
	for _, line := range lines {
		for element := range strings.SplitSeq(line, ",") {
			if EqualFold(trimOWS(element), token) {
				return true
			}
		}
	}
	return false
}

// AppendTokens appends the elements of the #token list that lines form to dst.
// Empty elements are ignored (RFC 9110, 5.6.1.2). An element that is no token is
// an error; dst is then returned as it came.
func AppendTokens(dst []string, lines []string) ([]string, error) {
	all := dst
	for _, line := range lines {
		at := 0
		for element := range strings.SplitSeq(line, ",") {
			name := trimOWS(element)
			if name != "" && !IsToken(name) {
				return dst, syntaxError(line, at, "not a token")
			}
			if name != "" {
				all = append(all, name)
			}
			at += len(element) + len(",")
		}
	}
	return all, nil
}

// ReadParameterized reads the list that lines form, whose elements are
//
//	name *( ";" param [ "=" ( token / quoted-string ) ] )
//
// It calls element with each name and after it param with each of its
// parameters, in order. A parameter without a value has the value "". A quoted
// value is unescaped and must then be a token (RFC 6455, 9.1), so no value that
// was sent is empty. Spaces and tabs may stand around ";" and "=" ("implied
// *LWS rule"), and empty elements are ignored.
//
// A line that breaks the grammar is an error; what was reported before it must
// be thrown away. The strings passed alias lines, except a value with escapes.
func ReadParameterized(lines []string, element func(name string), param func(name, value string)) error {
	for _, line := range lines {
		s := scanner{line: line}
		for s.nextElement() {
			name, err := s.token("an element's name")
			if err != nil {
				return err
			}
			element(name)
			for s.consume(';') {
				name, value, err := s.param()
				if err != nil {
					return err
				}
				param(name, value)
			}
			if !s.atEnd() && line[s.at] != ',' {
				return s.errorf("expected ',' or ';'")
			}
		}
	}
	return nil
}

// A scanner walks one field line. It only moves forward, which is why reading
// takes linear time.
type scanner struct {
	line string
	at   int
}

func (s *scanner) atEnd() bool { return s.at == len(s.line) }

func (s *scanner) errorf(what string) error { return syntaxError(s.line, s.at, what) }

func (s *scanner) skipOWS() {
	for !s.atEnd() && isOWS(s.line[s.at]) {
		s.at++
	}
}

// nextElement skips to the start of the next element that is not empty.
func (s *scanner) nextElement() bool {
	for !s.atEnd() && (s.line[s.at] == ',' || isOWS(s.line[s.at])) {
		s.at++
	}
	return !s.atEnd()
}

// consume skips c with the white space on both its sides and reports whether c
// was there.
func (s *scanner) consume(c byte) bool {
	s.skipOWS()
	if s.atEnd() || s.line[s.at] != c {
		return false
	}
	s.at++
	s.skipOWS()
	return true
}

func (s *scanner) token(what string) (string, error) {
	n := TokenLen(s.line[s.at:])
	if n == 0 {
		return "", s.errorf("expected " + what)
	}
	token := s.line[s.at : s.at+n]
	s.at += n
	return token, nil
}

func (s *scanner) param() (name, value string, err error) {
	if name, err = s.token("a parameter's name"); err != nil || !s.consume('=') {
		return name, "", err
	}
	if !s.atEnd() && s.line[s.at] == '"' {
		value, err = s.quotedToken()
	} else {
		value, err = s.token("a parameter's value")
	}
	return name, value, err
}

// quotedToken reads a quoted-string whose content, once unescaped, is a token.
func (s *scanner) quotedToken() (string, error) {
	s.at++ // the opening quote
	start, escaped := s.at, false
	for !s.atEnd() && s.line[s.at] != '"' {
		if s.line[s.at] == '\\' {
			escaped = true
			s.at++
		}
		// "the value after quoted-string unescaping MUST conform to the
		// 'token' ABNF." RFC 6455, 9.1
		if s.atEnd() || !tchar[s.line[s.at]] {
			return "", s.errorf("a quoted value must be a token")
		}
		s.at++
	}
	if s.atEnd() {
		return "", s.errorf("expected a closing quote")
	}
	if s.at == start {
		return "", s.errorf("a quoted value must not be empty")
	}
	value := s.line[start:s.at]
	s.at++ // the closing quote
	if escaped {
		// A backslash is no tchar, so each one left here is an escape.
		value = strings.ReplaceAll(value, `\`, "")
	}
	return value, nil
}

func isOWS(c byte) bool { return c == ' ' || c == '\t' }

func trimOWS(s string) string { return strings.Trim(s, " \t") }

// syntaxError names the place without repeating a line of any length.
func syntaxError(line string, at int, what string) error {
	const window = 16
	near := line[max(0, at-window):min(len(line), at+window)]
	return fmt.Errorf("%s at byte %d, near %q", what, at, near)
}
