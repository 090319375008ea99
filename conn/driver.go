package conn

import (
	"net/http"
	"runtime/debug"
	"sync/atomic"

	"github.com/hawser-go/hawser/frame"
)

// A driver calls the Events of a connection. It is the same for each way of driving; who has one sees to it that calls do not overlap.
type driver struct {
	conn *Conn
	task
	drain  atomic.Bool // Drain is due
	broken atomic.Bool // a function panicked, or ended its goroutine: only Close is called now
}

// A task is what a driver is for.
type task struct {
	events *Events
	served bool          // the connection has joined its Registry as served
	ended  chan struct{} // closed behind Close; may be nil
}

// drained tells that the send queue is empty again, after something had to wait there. It never blocks, and may be called from anywhere, but with c.mu held.
func (c *Conn) drained() {
	c.mu.Lock()
	l := c.transport.loop
	var d *goroutineDriver
	if c.extra != nil {
		d = c.extra.driver
	}
	c.mu.Unlock()
	switch {
	case l != nil:
		l.drained()
	case d != nil:
		d.drained()
	}
}

func (d *driver) open() {
	if f := d.events.Open; f != nil {
		returned := false
		defer d.check(&returned)
		f(d.conn)
		returned = true
	}
}

func (d *driver) message(m Message) {
	if f := d.events.Message; f != nil && !d.broken.Load() {
		returned := false
		defer d.check(&returned)
		f(d.conn, m)
		returned = true
	}
}

// callDrain calls Drain if it is due.
func (d *driver) callDrain() {
	if !d.drain.Load() || !d.drain.Swap(false) || d.broken.Load() || d.conn.over.Load() {
		return
	}
	if f := d.events.Drain; f != nil {
		returned := false
		defer d.check(&returned)
		f(d.conn)
		returned = true
	}
}

// close calls Close, and then nothing more.
func (d *driver) close() {
	defer d.conn.leaveTask(d.task)
	if f := d.events.Close; f != nil {
		returned := false
		defer d.check(&returned)
		f(d.conn, d.conn.CloseInfo())
		returned = true
	}
}

// leaveTask is called when nothing is called any more.
func (c *Conn) leaveTask(k task) {
	if k.served {
		c.leave()
	}
	if k.ended != nil {
		close(k.ended)
	}
}

// check is deferred by each call. If the function did not return, because of a panic or of runtime.Goexit, the connection is closed with 1011.
func (d *driver) check(returned *bool) {
	if *returned {
		return
	}
	if v := recover(); v != nil {
		d.conn.panicked(v)
	}
	d.broken.Store(true)
	d.conn.beginClose(frame.StatusInternalError, "")
	if l := d.conn.transport.loop; l != nil {
		l.loop.Wake() // what has been read may not have been looked at to its end
	}
}

// panicked logs a panic in a function of the application's. It is called while that unwinds.
func (c *Conn) panicked(v any) {
	if v != http.ErrAbortHandler {
		c.cfg.Logger.Error("hawser: panic in a connection's handler",
			"remote", c.RemoteAddr(), "panic", v, "stack", string(debug.Stack()))
	}
}

// A goroutineDriver drives a connection by a goroutine that reads, as a Messages loop does.
type goroutineDriver struct {
	driver
	calls  chan struct{} // who has put into it may call a function of the Events
	opened bool
}

// driveByGoroutine starts the goroutine. It is the driver's turn.
func (c *Conn) driveByGoroutine(k task) {
	d := &goroutineDriver{
		driver: driver{conn: c, task: k},
		calls:  make(chan struct{}, 1),
	}
	d.calls <- struct{}{} // nothing comes before Open
	c.mu.Lock()
	c.looping = true
	c.extras().driver = d
	c.mu.Unlock()
	go d.run()
}

// run drives the connection to its end. If a function ends the goroutine, another one goes on.
func (d *goroutineDriver) run() {
	c := d.conn
	done := false
	defer func() {
		if !done {
			go d.run()
		}
	}()
	if !d.opened {
		d.opened = true
		d.callOpen()
	}
	l := loop{c: c, yield: d.deliver}
	l.read()
	c.conclude()
	// Nobody reads any more; what is left of the closing handshake goes on by itself.
	c.stopLooping()
	<-c.done()
	d.calls <- struct{}{} // for good
	done = true
	d.close()
}

func (d *goroutineDriver) callOpen() {
	defer d.passCalls()
	d.open()
}

func (d *goroutineDriver) deliver(m Message, _ error) bool {
	d.calls <- struct{}{}
	defer d.passCalls()
	d.message(m)
	return true
}

// passCalls ends the calls of whoever may make them, with Drain if it has become due.
func (d *goroutineDriver) passCalls() {
	<-d.calls
	if d.drain.Load() {
		d.drained()
	}
}

// drained has Drain called, by a goroutine of its own: the one that reads may wait for long. If a function runs now, it is called behind that.
func (d *goroutineDriver) drained() {
	d.drain.Store(true)
	select {
	case d.calls <- struct{}{}:
		go func() {
			defer d.passCalls()
			d.callDrain()
		}()
	default:
		// passCalls looks again.
	}
}
