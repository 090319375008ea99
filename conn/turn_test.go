package conn

import (
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/internal/conntest"
)

func TestTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var tn turn
		ended := make(chan struct{})
		done := func() <-chan struct{} { return ended }
		if err := tn.take(aRead, done, nil); err != nil {
			t.Fatal(err)
		}
		// A loop and two reads wait; whoever finds the loop at it is told.
		results := make(chan error, 3)
		loop := make(chan error, 1)
		go func() { loop <- tn.take(aLoop, done, nil) }()
		synctest.Wait()
		for range 2 {
			go func() { results <- tn.take(aRead, done, nil) }()
		}
		synctest.Wait()
		tn.mu.Lock() // give the loop the turn, as if it had been the first to wake
		tn.holder = aLoop
		close(tn.changed)
		tn.changed = nil
		tn.mu.Unlock()
		for range 2 {
			if err := <-results; err != ErrReading {
				t.Errorf("a read that waited as the loop began: %v", err)
			}
		}
		if err := <-loop; err != ErrReading {
			t.Errorf("a second loop: %v", err)
		}
		tn.pass(aRead) // the loop is being left
		go func() { results <- tn.take(aRead, done, nil) }()
		synctest.Wait()
		if tn.holder != aRead {
			t.Error("a loop that is being left still counts")
		}
		close(ended)
		if err := <-results; err != ErrClosed {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestTurnDoesNotAllocate(t *testing.T) {
	var tn turn
	conntest.ShouldNotAllocate(t, func() {
		if tn.take(aRead, nil, nil) != nil {
			t.Fatal("not taken")
		}
		tn.pass(nobody)
	})
}
