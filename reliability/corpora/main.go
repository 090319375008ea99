// Command corpora measures what the engine's receiving side takes for each byte of the inputs that fuzzing has found: those of the go command's cache, and those that are committed.
//
// A connection gets an input again and again, as one stream of 64 KiB, and the time until it has read that to its end is divided by the bytes. Inputs that end a connection do not count: what they cost is that of a
// connection. Of several tries the fastest counts, for other processes disturb.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/hawser-go/hawser"
)

// stream is as long as an input is repeated.
const stream = 64 << 10

func main() {
	log.SetFlags(0)
	log.SetPrefix("corpora: ")
	tries := flag.Int("tries", 15, "how often each input is measured; the worst ten times as often")
	verbose := flag.Bool("v", false, "print each input")
	flag.Parse()
	out, err := exec.Command("go", "env", "GOCACHE").Output()
	if err != nil {
		log.Fatal(err)
	}
	cache := filepath.Join(strings.TrimSpace(string(out)), "fuzz", "github.com", "hawser-go", "hawser")
	debug.SetGCPercent(400)
	var inputs, measured int
	var worst float64
	var worstName string
	seen := map[string]bool{}
	for _, folder := range []string{cache, ".."} {
		err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.Contains(path, string(filepath.Separator)+"Fuzz") {
				return err
			}
			for _, input := range readInput(path) {
				if len(input) < 2 || seen[string(input)] {
					continue
				}
				seen[string(input)] = true
				inputs++
				ns, ok := cost(bytes.Repeat(input, stream/len(input)+1), *tries)
				if !ok {
					continue
				}
				if ns > worst { // or something disturbed it each time
					again, _ := cost(bytes.Repeat(input, stream/len(input)+1), 10**tries)
					ns = min(ns, again)
				}
				measured++
				if *verbose {
					fmt.Printf("%8.2f ns %s\n", ns, path)
				}
				if ns > worst {
					worst, worstName = ns, filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path)
				}
			}
			return nil
		})
		if err != nil && !os.IsNotExist(err) {
			log.Fatal(err)
		}
	}
	fmt.Printf("%d inputs, %d of them read to the end\n", inputs, measured)
	fmt.Printf("%.1f ns for each byte of the worst, %s\n", worst, worstName)
}

// readInput returns the byte slices and strings of a file in the format "go test fuzz v1".
func readInput(name string) (list [][]byte) {
	text, err := os.ReadFile(name)
	if err != nil || !bytes.HasPrefix(text, []byte("go test fuzz v1\n")) {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		for _, kind := range []string{"[]byte(", "string("} {
			if quoted, ok := strings.CutPrefix(line, kind); ok {
				if s, err := strconv.Unquote(strings.TrimSuffix(quoted, ")")); err == nil {
					list = append(list, []byte(s))
				}
			}
		}
	}
	return list
}

// cost returns the nanoseconds for each byte in the role where they are more, and false if a connection refuses it in either.
func cost(input []byte, tries int) (ns float64, ok bool) {
	for _, role := range []hawser.Role{hawser.RoleServer, hawser.RoleClient} {
		fastest := -1.0
		for range tries {
			w := &wire{}
			w.in.Reset(input)
			c := hawser.New(w, role, nil, &hawser.Config{PingInterval: -1, MessageLimit: 1 << 20})
			var end error
			started := time.Now()
			for _, err := range c.Messages() {
				end = err
			}
			took := time.Since(started)
			c.CloseNow()
			if e, ok := errors.AsType[*hawser.CloseError](end); !ok || e.EOF == hawser.NoEOF {
				break
			}
			if each := float64(took.Nanoseconds()) / float64(len(input)); fastest < 0 || each < fastest {
				fastest = each
			}
		}
		if fastest >= 0 {
			ns, ok = max(ns, fastest), true
		}
	}
	return ns, ok
}

// wire has input to read, and loses what is written.
type wire struct{ in bytes.Reader }

func (w *wire) Read(p []byte) (int, error)  { return w.in.Read(p) }
func (w *wire) Write(p []byte) (int, error) { return len(p), nil }
func (w *wire) Close() error                { return nil }

var _ io.ReadWriteCloser = (*wire)(nil)
