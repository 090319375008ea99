package deflate_test

import (
	"fmt"
	"strings"

	"github.com/hawser-go/hawser/deflate"
)

// A connection with context takeover: the second message refers to the first.
func ExampleCompressor() {
	c := deflate.NewCompressor(15, true, deflate.LevelFast)
	defer c.Close()
	message := []byte(strings.Repeat(`{"price":17,"size":3},`, 20))
	for range 2 {
		payload, ok := c.Compress(nil, message)
		fmt.Println(len(message), ok, len(payload) < len(message)/10)
	}
	c.Shed() // when the connection has been quiet
	payload, ok := c.Compress(nil, message)
	fmt.Println(ok, len(payload) < len(message)/20)
	// Output:
	// 440 true true
	// 440 true true
	// true true
}

// One message for many connections. Those with context takeover have to be told of it.
func ExampleCompressMessage() {
	c := deflate.NewCompressor(10, true, deflate.LevelFast)
	defer c.Close()
	message := []byte(strings.Repeat("the same for everybody ", 10))
	payload := deflate.CompressMessage(nil, message, 10, deflate.LevelBest)
	c.Note(message)
	fmt.Println(len(payload) < 40)
	payload, _ = c.Compress(nil, message)
	fmt.Println(len(payload) < 10)
	// Output:
	// true
	// true
}
