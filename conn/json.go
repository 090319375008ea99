package conn

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrNotText is the Err of a [*JSONError] of a message that is not text (RFC 8259, 8.1 wants UTF-8, and RFC 6455, 5.6 has a type for that).
var ErrNotText = errors.New("message is binary, not text")

// A JSONError says that a message is not the JSON that was asked for. The connection is open.
type JSONError struct {
	// Message is the message, which belongs to whoever has the error.
	Message Message
	// Err is the error of encoding/json, or ErrNotText.
	Err error
}

// Error says what is wrong, without the message.
func (e *JSONError) Error() string { return fmt.Sprintf("hawser: cannot decode message: %v", e.Err) }

// Unwrap returns Err.
func (e *JSONError) Unwrap() error { return e.Err }

// ReadJSON reads the next message of c, which must be text, and stores what it says in v, as [json.Unmarshal] does.
//
// A message that is binary, or not the JSON that v asks for, is a [*JSONError], which has the message: the connection stays open, and the next read returns the next message. What of v has been set then, is up
// to encoding/json. Other errors are those of [Conn.ReadContext].
func ReadJSON(ctx context.Context, c *Conn, v any) error {
	m, err := c.ReadContext(ctx)
	if err != nil {
		return err
	}
	if m.Type != Text {
		return &JSONError{m, ErrNotText}
	}
	if err := json.Unmarshal(m.Data, v); err != nil {
		return &JSONError{m, err}
	}
	return nil
}

// WriteJSON sends what [json.Marshal] makes of v as one text message on c. If v cannot be encoded nothing is sent, and the error is json.Marshal's; other errors are those of [Conn.WriteContext].
func WriteJSON(ctx context.Context, c *Conn, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return c.WriteContext(ctx, Text, b)
}
