package deflate

import (
	"errors"
	"strconv"
)

// ErrShortDst says that the destination is full and that there is more to
// write. Nothing is wrong with the message.
var ErrShortDst = errors.New("hawser/deflate: the destination is full")

// CorruptError says that what the peer sent is not a compressed message as RFC
// 7692, 7.2.1 makes them, and why.
//
// The errors that this package returns are shared: they must not be modified.
type CorruptError struct {
	Section string // where the rule is, such as "RFC 1951, 3.2.7"
	Detail  string // what is wrong with the message, without a full stop
}

// Error returns the detail and the section. The text is for people and may
// change.
func (e *CorruptError) Error() string {
	return "hawser/deflate: " + e.Detail + " (" + e.Section + ")"
}

// LimitError says that a message inflates to more octets than it may have.
type LimitError struct {
	Limit int64 // in octets
}

// Error returns a sentence with the limit. The text is for people and may
// change.
func (e *LimitError) Error() string {
	return "hawser/deflate: the message inflates to more than " + strconv.FormatInt(e.Limit, 10) + " octets"
}

var (
	errTruncated  = &CorruptError{"RFC 7692, 7.2.1", "the message does not end with the header of an empty block with no compression"}
	errPadding    = &CorruptError{"RFC 7692, 7.2.1", "the padding after a block with BFINAL set is not 0"}
	errFarDist    = &CorruptError{"RFC 7692, 7.1.2", "a distance reaches beyond the LZ77 sliding window"}
	errHistory    = &CorruptError{"RFC 1951, 3.2.3", "a distance reaches beyond the beginning of the output"}
	errBlockType  = &CorruptError{"RFC 1951, 3.2.3", "a block has the reserved type 11"}
	errStoredLen  = &CorruptError{"RFC 1951, 3.2.4", "NLEN is not the one's complement of LEN"}
	errLitlenSym  = &CorruptError{"RFC 1951, 3.2.6", "a code that stands for no literal and no length"}
	errDistSym    = &CorruptError{"RFC 1951, 3.2.6", "a code that stands for no distance"}
	errHLIT       = &CorruptError{"RFC 1951, 3.2.7", "HLIT says that there are more than 286 literal and length codes"}
	errHDIST      = &CorruptError{"RFC 1951, 3.2.7", "HDIST says that there are more than 30 distance codes"}
	errCodeLens   = &CorruptError{"RFC 1951, 3.2.7", "the code lengths of the code length code form no prefix code"}
	errLitlenLens = &CorruptError{"RFC 1951, 3.2.7", "the code lengths of the literals and lengths form no prefix code"}
	errDistLens   = &CorruptError{"RFC 1951, 3.2.7", "the code lengths of the distances form no prefix code"}
	errRepeatNone = &CorruptError{"RFC 1951, 3.2.7", "the first code length is to be copied from the one before"}
	errRepeatPast = &CorruptError{"RFC 1951, 3.2.7", "a run of code lengths goes on past the last one"}
	errNoEnd      = &CorruptError{"RFC 1951, 3.2.7", "a block has no code for its end"}
)
