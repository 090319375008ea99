package conn

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/hawser-go/hawser/internal/conntest"
)

func TestLockGoesToWhoHasWaitedLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lock
		if !l.try() || l.try() {
			t.Fatal("not one at a time")
		}
		var got []int
		give := make(chan struct{})
		for i := range 4 {
			go func() {
				l.lock()
				got = append(got, i)
				<-give
				l.unlock()
			}()
			synctest.Wait()
		}
		if len(got) != 0 {
			t.Fatal("two have it")
		}
		l.unlock()
		for range 4 {
			if l.try() || !l.held() {
				t.Error("it is free while somebody waits")
			}
			give <- struct{}{}
			synctest.Wait()
		}
		if !slices.Equal(got, []int{0, 1, 2, 3}) || l.held() || !l.try() {
			t.Errorf("they had it in the order %v; then it is held: %t", got, l.held())
		}
	})
}

func TestLockMayBeGivenUp(t *testing.T) {
	for name, wait := range map[string]func(l *lock, end chan struct{}) bool{
		"over":      func(l *lock, end chan struct{}) bool { return l.wait(end, nil) },
		"cancelled": func(l *lock, end chan struct{}) bool { return l.wait(nil, end) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l lock
				end := make(chan struct{})
				if !wait(&l, end) {
					t.Fatal("a free lock is not taken")
				}
				results, other := make(chan bool, 2), make(chan bool, 1)
				go func() { results <- wait(&l, end) }()
				synctest.Wait()
				go func() { other <- l.wait(nil, nil) }()
				go func() { results <- wait(&l, end) }()
				synctest.Wait()
				close(end)
				for range 2 {
					if <-results {
						t.Error("who gave up has it")
					}
				}
				l.unlock()
				if !<-other || !l.held() {
					t.Error("who did not give up has it not")
				}
				l.unlock()
				if l.held() {
					t.Error("it is held by nobody")
				}
			})
		})
	}
	// The last who waits gives up just as the lock is given to it: it has it.
	for range 1000 {
		var l lock
		l.lock()
		end, result := make(chan struct{}), make(chan bool)
		go func() { result <- l.wait(end, nil) }()
		for l.state.Load() != lockAwaited {
		}
		go close(end)
		l.unlock()
		if has := <-result; has != l.held() {
			t.Fatalf("it has the lock: %t; it is held: %t", has, l.held())
		}
	}
	// The same, whatever select finds first.
	for range 100 {
		l := lock{waiting: 1, turns: make(chan struct{}, 1)}
		l.state.Store(lockAwaited)
		end := make(chan struct{})
		close(end)
		l.unlock() // to who is in the select below already, as far as the lock knows
		l.mu.Lock()
		l.waiting = -1 // and is the caller
		l.mu.Unlock()
		if !l.wait(end, nil) || !l.held() {
			t.Fatal("who was given the lock does not have it")
		}
	}
}

func TestLockIsHeldByOne(t *testing.T) {
	var l lock
	var wg sync.WaitGroup
	var had atomic.Int64
	n, inside := 0, 0
	for range 8 {
		wg.Go(func() {
			for range 2000 {
				end := make(chan struct{})
				switch rand.N(4) {
				case 0:
					if !l.try() {
						continue
					}
				case 1:
					go close(end)
					if !l.wait(end, nil) {
						continue
					}
				case 2:
					go close(end)
					if !l.wait(nil, end) {
						continue
					}
				default:
					l.lock()
				}
				if inside++; inside != 1 {
					t.Error("two have it")
				}
				n++
				had.Add(1)
				inside--
				if rand.N(2) == 0 {
					l.unlock()
				} else {
					wg.Go(l.unlock) // it may be passed to another goroutine
				}
			}
		})
	}
	wg.Wait()
	if int64(n) != had.Load() || l.held() || l.waiting != 0 || len(l.turns) != 0 {
		t.Errorf("%d instead of %d; %+v", n, had.Load(), &l)
	}
}

func TestLockDoesNotAllocate(t *testing.T) {
	var l lock
	conntest.ShouldNotAllocate(t, func() {
		l.lock()
		if l.try() || !l.held() {
			t.Fatal("not held")
		}
		l.unlock()
	})
	if l.turns != nil {
		t.Error("a lock for which nobody has waited has a channel")
	}
}
