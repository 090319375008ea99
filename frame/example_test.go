package frame_test

import (
	"fmt"

	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/mask"
)

func ExampleConsumeHeader() {
	// RFC 6455, 5.7: a single-frame masked text message.
	b := []byte{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58}

	h, n := frame.ConsumeHeader(b)
	if err := frame.Check(h, n, frame.Rules{Masked: true}); err != nil {
		fmt.Println(err)
		return
	}
	payload := b[n:][:h.PayloadLength]
	mask.XOR(payload, h.MaskingKey)
	fmt.Println(h.Opcode, string(payload))
	// Output: text Hello
}

func ExampleCheck() {
	// A ping that is not the final fragment: two octets are enough to see it.
	h, n := frame.ConsumeHeader([]byte{0x09, 0x85})
	fmt.Println(n, frame.Check(h, n, frame.Rules{Masked: true}))
	// Output: 0 protocol error: control frame is fragmented (RFC 6455, 5.5)
}

func ExampleAppendHeader() {
	b := frame.AppendHeader(nil, frame.Header{Fin: true, Opcode: frame.OpcodeBinary, PayloadLength: 256})
	fmt.Printf("% x\n", b)
	// Output: 82 7e 01 00
}

func ExampleConsumeClose() {
	code, reason, err := frame.ConsumeClose([]byte("\x03\xe9rebooting"))
	fmt.Printf("%d %v, %q, %v\n", code, code, reason, err)
	// Output: 1001 Going Away, "rebooting", <nil>
}

func ExampleAppendClose() {
	if err := frame.CheckClose(frame.StatusAbnormalClosure, ""); err != nil {
		fmt.Println(err)
	}
	b := frame.AppendClose(nil, frame.StatusGoingAway, "rebooting")
	fmt.Printf("%q\n", b)
	// Output:
	// hawser/frame: status code must not be sent in a Close frame: use 1000 to 1003, 1007 to 1014, or 3000 to 4999 (RFC 6455, 7.4)
	// "\x03\xe9rebooting"
}
