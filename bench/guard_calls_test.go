package bench

import (
	"fmt"
	"testing"

	"github.com/hawser-go/hawser"
	"github.com/hawser-go/hawser/bench/workload"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/internal/conntest"
)

var callGuard = guardGroup{
	name: "calls",
	about: `Calls of the transport per message in a Messages loop that writes each message back, over a net.Conn in memory, so that each write is one call: what a socket
saves with a vector is in the syscalls below. deadlines: SetDeadline and the like. pipelined: 16 messages of 125 bytes arrive at once.
fragmented: a message of three frames of 125 bytes each arrives at once. ping: a Ping arrives with each message of 125 bytes.`,
	// What is held back leaves after 1 ms at the latest, so a busy machine makes a write more now and then.
	slack: func(_ string, v float64) float64 { return max(v/10, 0.05) },
}

// guardedMessages is how many messages the calls are counted for, a multiple of what arrives at once.
const guardedMessages = 10 * pipelineDepth

func guardCalls(t *testing.T) {
	if conntest.RaceEnabled {
		t.Skip("The race detector makes messages take so long that what is held back for 1 ms leaves early.")
	}
	conntest.CheckLeaks(t)
	got := make(map[string]float64)
	for _, role := range []hawser.Role{hawser.RoleServer, hawser.RoleClient} {
		masked := role == hawser.RoleServer
		count := func(name string, burst []byte) {
			c := countCalls(t, role, burst)
			prefix := fmt.Sprintf("calls/%s/%s/", sideName(role), name)
			got[prefix+"reads"] = float64(c.reads) / guardedMessages
			got[prefix+"writes"] = float64(c.writes) / guardedMessages
			got[prefix+"deadlines"] = float64(c.deadlines) / guardedMessages
		}
		for _, size := range workload.Sizes {
			count("echo/"+workload.Size(size), messageFrame(masked, size))
		}
		message := messageFrame(masked, 125)
		var pipelined []byte
		for range pipelineDepth {
			pipelined = append(pipelined, message...)
		}
		count("pipelined", pipelined)
		count("fragmented", fragmentedMessage(masked))
		count("ping", append(workload.AppendFrame(nil, frame.OpcodePing, masked, []byte("ping")), message...))
	}
	callGuard.check(t, got)
}

// fragmentedMessage returns a message in three frames (RFC 6455, 5.4).
func fragmentedMessage(masked bool) (b []byte) {
	for i, op := range []byte{conntest.Binary, conntest.Continuation, conntest.Continuation} {
		f := conntest.Frame{Fin: i == 2, Opcode: op, Masked: masked, Payload: make([]byte, 125)}
		if masked {
			f.Key = workload.Key
		}
		b = f.Append(b)
	}
	return b
}

// countCalls returns what an echo of guardedMessages messages calls, from the arrival of one to that of the one so many later.
func countCalls(t *testing.T, role hawser.Role, burst []byte) calls {
	t.Helper()
	script := &scriptConn{bursts: [][]byte{burst}}
	c := hawser.New(script, role, nil, nil)
	defer c.CloseNow()
	var start calls
	n := -2 * pipelineDepth // until the size of reads has settled
	for m, err := range c.Messages() {
		if err != nil {
			t.Fatal(err)
		}
		switch n {
		case 0:
			start = script.calls()
		case guardedMessages:
			end := script.calls()
			return calls{end.reads - start.reads, end.writes - start.writes, end.deadlines - start.deadlines}
		}
		n++
		if err := c.Write(m.Type, m.Data); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("The loop ended.")
	return calls{}
}
