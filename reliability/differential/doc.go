// Package differential feeds the same bytes to the engine and to other Go implementations of RFC 6455, and compares what they accept. It has only tests.
//
// The others are not judged. Where they are more lenient or stricter than the engine, rules.go has the line of the RFC that the engine goes by; a disagreement without such a line is
// a failure, because then one of them is wrong and it may be us. Nothing here says which implementation differs in what.
package differential
