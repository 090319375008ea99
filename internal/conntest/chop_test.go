package conntest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/iotest"
)

func TestChopJoinsToTheWhole(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 14, everySplit, everySplit + 1, 70_000} {
		t.Run(fmt.Sprintf("length_%d", n), func(t *testing.T) {
			p := make([]byte, n)
			for i := range p {
				p[i] = byte(i * 7)
			}
			orig := bytes.Clone(p)
			names := map[string]bool{}
			for name, chunks := range Chop(p) {
				if names[name] {
					t.Errorf("%s comes twice", name)
				}
				names[name] = true
				if got := bytes.Join(chunks, nil); !bytes.Equal(got, orig) {
					t.Errorf("%s: joined to other bytes", name)
				}
				for _, c := range chunks {
					clear(c) // a parser may modify its input
				}
			}
			if !bytes.Equal(p, orig) {
				t.Error("input was modified")
			}
			splits := 0
			for i := 1; i < n; i++ {
				if names[fmt.Sprintf("split_at_%d", i)] {
					splits++
				} else if n <= everySplit || i <= splitMargin || i >= n-splitMargin || i == 4095 || i == 4096 || i == 4097 {
					t.Errorf("no split at %d", i)
				}
			}
			want := 1
			if n > 0 {
				want = 3 + randomChops + splits
			}
			if len(names) != want {
				t.Errorf("%d choppings, want %d", len(names), want)
			}
		})
	}
}

func TestChopCanBeLeft(t *testing.T) {
	total := 0
	for range Chop([]byte("hello")) {
		total++
	}
	for stop := range total {
		n := 0
		for range Chop([]byte("hello")) {
			if n++; n > stop {
				break
			}
		}
	}
}

func TestChoppedBoundaries(t *testing.T) {
	cases := []struct {
		name  string
		sizes []int
		buf   int
		want  []int
	}{
		{"no_sizes", nil, 100, []int{10}},
		{"one_byte_at_a_time", []int{1}, 100, []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1}},
		{"split_then_rest", []int{3, 0}, 100, []int{3, 7}},
		{"last_repeats", []int{1, 4}, 100, []int{1, 4, 4, 1}},
		{"small_buffer_keeps_boundaries", []int{3, 0}, 2, []int{2, 1, 2, 2, 2, 1}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			a, b := Pipe(100)
			a.Write(make([]byte, 10))
			a.Close()
			c := Chopped(b, tc.sizes...)
			var got []int
			for {
				n, err := c.Read(make([]byte, tc.buf))
				if err == io.EOF {
					break
				}
				must(t, err)
				got = append(got, n)
			}
			if fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("reads of %v, want %v", got, tc.want)
			}
		})
	}
	t.Run("is_a_reader", func(t *testing.T) {
		a, b := Pipe(100)
		a.Write([]byte("some content"))
		a.Close()
		if err := iotest.TestReader(Chopped(b, 5, 1), []byte("some content")); err != nil {
			t.Error(err)
		}
	})
	t.Run("negative_size", func(t *testing.T) {
		wantPanic(t, "hawser/conntest: negative size", func() { Chopped(nil, 1, -1) })
	})
}

func TestChoppedPassesOn(t *testing.T) {
	a, b := Pipe(10)
	must(t, Chopped(a, 1).CloseWrite())
	_, err := b.Read(make([]byte, 1))
	wantErr(t, err, io.EOF)
	Chopped(a, 1).Reset()
	_, err = b.Read(make([]byte, 1))
	wantErr(t, err, syscall.ECONNRESET)
	n, _ := net.Pipe()
	wantErr(t, Chopped(n, 1).CloseWrite(), errors.ErrUnsupported)
}
