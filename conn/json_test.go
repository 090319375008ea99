package conn

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/hawser-go/hawser/internal/conntest"
)

func TestJSON(t *testing.T) {
	type point struct{ X, Y int }
	bothRoles(t, "3/there_and_back", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		if err := WriteJSON(t.Context(), c, point{1, 2}); err != nil {
			t.Fatal(err)
		}
		p.WantText("as encoding/json writes it", `{"X":1,"Y":2}`)
		p.SendText(` {"Y": 4, "X": 3} `)
		var got point
		if err := ReadJSON(t.Context(), c, &got); err != nil || got != (point{3, 4}) {
			t.Errorf("%v, %v", got, err)
		}
	})
	for _, tt := range []struct {
		name  string
		frame conntest.Frame
		is    func(err error) bool
	}{
		{"5.6/binary", conntest.Frame{Fin: true, Opcode: conntest.Binary, Payload: []byte(`{"X":1}`)}, func(err error) bool { return errors.Is(err, ErrNotText) }},
		{"3/empty", text(""), isJSON[*json.SyntaxError]},
		{"3/no_JSON", text(`{"X":1`), isJSON[*json.SyntaxError]},
		{"3/two_values", text(`{"X":1}{"X":1}`), isJSON[*json.SyntaxError]},
		{"3/another_type", text(`{"X":"1"}`), isJSON[*json.UnmarshalTypeError]},
	} {
		bothRoles(t, tt.name, func(t *testing.T, role Role) {
			c, p := talk(t, role, nil)
			p.Send(tt.frame, text(`{"X":7}`))
			var got point
			err := ReadJSON(t.Context(), c, &got)
			e, ok := errors.AsType[*JSONError](err)
			if !ok || !tt.is(err) || errors.Is(err, ErrClosed) || string(e.Message.Data) != string(tt.frame.Payload) || byte(e.Message.Type) != tt.frame.Opcode {
				t.Errorf("ReadJSON returns %v", err)
			}
			if err := ReadJSON(t.Context(), c, &got); err != nil || got.X != 7 || c.State() != StateOpen {
				t.Errorf("the next message: %v, %v", got, err)
			}
		})
	}
	bothRoles(t, "3/context", func(t *testing.T, role Role) {
		c, p := talk(t, role, nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var got point
		if err := ReadJSON(ctx, c, &got); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ReadJSON returns %v", err)
		}
		if err := WriteJSON(ctx, c, got); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("WriteJSON returns %v", err)
		}
		if err := WriteJSON(t.Context(), c, math.NaN()); err == nil || errors.Is(err, ErrClosed) {
			t.Errorf("WriteJSON of what has no JSON returns %v", err)
		}
		p.WantIdle("nothing is sent")
	})
}

func isJSON[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok && err.Error() != ""
}
