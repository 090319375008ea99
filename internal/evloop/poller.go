package evloop

import "time"

// Interest is what a poller is asked to report of a descriptor.
type Interest uint8

const (
	InterestRead  Interest = 1 << iota // bytes, an end of the stream or an error can be read
	InterestWrite                      // bytes can be written
	// InterestOnce makes the first report the last, until Modify is called. Alone it still asks for one report of a hang-up, where the system can't leave it out.
	InterestOnce
)

// Events says what a poller reports, and why [Handler.Ready] is called.
type Events uint8

const (
	Readable Events = 1 << iota
	Writable        // never in a Turn
	HangUp          // both directions have ended, or the socket has an error: reading tells which
	Woken           // Conn.Wake was called
	expired         // the connection's timer
)

// An Event is one report: the data under which the descriptor was added, and what happened.
type Event struct {
	Data   uint64
	Events Events
}

// A Poller waits for descriptors. It is level-triggered: what is still so is reported again by the next Wait. Add, Modify, Remove, CloseDescriptor and Wake may be called from any
// goroutine; for one descriptor not at the same time. Wait, Rest and Close belong to the loop's owner.
type Poller interface {
	Add(fd int, data uint64, i Interest) error
	Modify(fd int, data uint64, i Interest) error
	Remove(fd int) error
	CloseDescriptor(fd int) error
	// Wait writes what happened to events and returns how many there are. A negative timeout is none; it never returns before the timeout without a reason, and may
	// return without events.
	Wait(events []Event, timeout time.Duration) (n int, err error)
	// Wake makes the current or the next Wait return.
	Wake()
	// Rest lets everything else in the process that can run do so, timers and the runtime's own poller included.
	Rest()
	Close() error
}

// A Clock tells the time since some fixed moment, and waits.
type Clock interface {
	Now() time.Duration
	Sleep(d time.Duration)
}

type systemClock struct{ start time.Time }

// Now costs 40 to 60 ns here (BenchmarkClock).
func (c systemClock) Now() time.Duration    { return time.Since(c.start) }
func (c systemClock) Sleep(d time.Duration) { time.Sleep(d) }
