//go:build linux

// Command server is one WebSocket server with a choice of libraries, so that each of them is measured in the same process around it.
//
//	server -lib NAME [-addr 127.0.0.1:0] [-handler echo|sleep|wait|deep|broadcast] [-wait DURATION] [-compress off|context|nocontext] [-tls] [-side]
//
// It prints one line when it is ready,
//
//	listening ADDR [health=ADDR tls=ADDR]
//
// and on SIGUSR1 one line of JSON: see [Stats]. On SIGUSR2 it collects garbage five times first. It ends on SIGTERM. -list prints what each library can do.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("server: ")
	lib := flag.String("lib", "hawser", "the library that serves; -list names them")
	addr := flag.String("addr", "127.0.0.1:0", "the `address` to listen on")
	handler := flag.String("handler", "echo", "what is done with a message: echo, sleep (block the thread for 100 us, then echo), wait (echo; first sleep for -wait if the message begins with an exclamation mark), deep (use 8 KiB of stack, then echo), broadcast (send it to every connection)")
	compress := flag.String("compress", "off", "permessage-deflate: off, context (takeover in both directions) or nocontext")
	useTLS := flag.Bool("tls", false, "serve wss with a certificate made at start")
	side := flag.Bool("side", false, "also serve GET /healthz and a TLS echo, each on an address of its own")
	buffer := flag.Int("buffer", 64<<10, "the `bytes` of the read buffer of raw and rawepoll; the libraries ignore it")
	wait := flag.Duration("wait", time.Millisecond, "how long handler wait sleeps")
	list := flag.Bool("list", false, "print what each library can do as JSON and exit")
	flag.Parse()

	if *list {
		if err := json.NewEncoder(os.Stdout).Encode(adapters); err != nil {
			log.Fatal(err)
		}
		return
	}
	a := find(*lib)
	if a == nil {
		log.Fatalf("there is no library %q; -list names them", *lib)
	}
	s, err := newSetup(*handler, *compress, *useTLS, *buffer)
	if err != nil {
		log.Fatal(err)
	}
	s.wait = *wait
	if err := a.supports(s); err != nil {
		log.Fatal(err)
	}

	// Before "listening", so that no signal comes too early.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM, os.Interrupt)

	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		log.Fatal(err)
	}
	line := "listening " + ln.Addr().String()
	if *side {
		health, echo, err := serveSide()
		if err != nil {
			log.Fatal(err)
		}
		line += " health=" + health + " tls=" + echo
	}
	go func() { log.Fatal(a.serve(ln, s)) }()
	fmt.Println(line)

	for sig := range signals {
		switch sig {
		case syscall.SIGUSR1:
			printStats(s)
		case syscall.SIGUSR2:
			for range 5 {
				runtime.GC()
			}
			printStats(s)
		default:
			return
		}
	}
}
