// Package httpfield reads the grammar that HTTP field values share: tokens,
// quoted strings and comma-separated lists (RFC 9110, 5.6).
//
// A field may arrive on several lines; they form one list (RFC 9110, 5.3), so
// every list function takes all lines of a field. Field lines are untrusted:
// every function runs in time linear in their length, keeps no more memory than
// the elements it returns, and never panics.
package httpfield
