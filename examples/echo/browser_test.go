//go:build browser

package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hawser-go/hawser"
)

// This file drives the page in Chromium over the Chrome DevTools Protocol, which is JSON over
// a WebSocket: so the engine is on both sides of the test.
//
//	go test -tags browser ./examples/echo
//
// Environment: CHROMIUM, the program; HAWSER_SCREENSHOT, a path without extension for pictures
// of the page.

const patience = 30 * time.Second // for a condition to come true; no test waits that long if it passes

func TestBrowser(t *testing.T) {
	s := start(t)
	p := newPage(t)
	p.call(t, "Page.navigate", object{"url": s.url})

	opens := t.Run("4.1/opens", func(t *testing.T) {
		p.wait(t, `text("#state") === "OPEN" && !$("#send").disabled && $("#connect").disabled`)
		p.want(t, `text("#subprotocol")`, "none")
		p.want(t, `text("#extensions")`, "none")
		p.want(t, `text("#address")`, s.ws())
	})
	if !opens {
		return // nothing below can work
	}
	t.Run("5.6/text", func(t *testing.T) {
		p.eval(t, `$("#text").focus()`)
		p.call(t, "Input.insertText", object{"text": "Grüße, 世界 & <b>markup</b>"})
		p.key(t, "Enter", "\r", 13)
		p.wait(t, `last("received")`)
		p.want(t, `text("li.received:last-child .body")`, "Grüße, 世界 & <b>markup</b>")
		p.want(t, `facts("received").join()`, "Received text,31 bytes,TRIP,unchanged")
		p.want(t, `/^\d+(\.\d+)? ms, best .* of 1$/.test(text("#rtt"))`, true)
		p.want(t, `$("#text").value`, "")
	})
	t.Run("5.6/empty_text", func(t *testing.T) {
		p.eval(t, `$("#log").replaceChildren(); $("#send").click()`)
		p.wait(t, `last("received")`)
		p.want(t, `facts("received").join()`, "Received text,0 bytes,TRIP,unchanged")
	})
	t.Run("5.6/file_of_1_MiB", func(t *testing.T) {
		p.eval(t, `$("#log").replaceChildren()`)
		p.sendFile(t, "random.bin", 1<<20)
		p.wait(t, `last("received")`)
		p.want(t, `facts("sent").join()`, "Sent binary,1 MiB,random.bin")
		p.want(t, `facts("received").join()`, "Received binary,1 MiB,TRIP,unchanged")
		p.want(t, `/^([0-9a-f]{2} ){32}…$/.test(text("li.received .body"))`, true)
		p.want(t, `text("li.received .body") === text("li.sent .body")`, true)
	})
	t.Run("empty_file", func(t *testing.T) {
		p.eval(t, `$("#log").replaceChildren()`)
		p.sendFile(t, "empty.bin", 0)
		p.wait(t, `last("received")`)
		p.want(t, `facts("received").join()`, "Received binary,0 bytes,TRIP,unchanged")
	})
	t.Run("pictures", func(t *testing.T) { p.pictures(t, s.url) })
	t.Run("7.4.2/code_that_a_page_must_not_send", func(t *testing.T) {
		p.eval(t, `$("#log").replaceChildren(); $("#code").value = "1002"; $("#disconnect").click()`)
		p.wait(t, `last("problem")`)
		p.want(t, `$("#code").getAttribute("aria-invalid")`, "true")
		p.want(t, `text("#state")`, "OPEN")
	})
	t.Run("7.1.2/close", func(t *testing.T) {
		p.eval(t, `$("#code").value = "3001"; $("#reason").value = "that's all"; $("#disconnect").click()`)
		p.wait(t, `text("#state") === "CLOSED"`)
		p.want(t, `facts("closing").join()`, "Closing 3001,waiting for the server")
		p.want(t, `text("li.closing .body")`, "that's all")
		p.want(t, `text("#closed")`, "3001") // the server answers with the code, not with the reason
		p.want(t, `facts("ended").join()`, "Closed 3001,after a closing handshake")
		p.want(t, `$("#code").hasAttribute("aria-invalid")`, false)
		p.want(t, `$("#send").disabled && $("#send-binary").disabled && $("#disconnect").disabled && !$("#connect").disabled`, true)
	})
	t.Run("reconnects", func(t *testing.T) {
		p.connect(t)
		p.eval(t, `$("#text").value = "again"; $("#send").click()`)
		p.wait(t, `last("received")`)
		p.want(t, `text("li.received .body")`, "again")
	})
	t.Run("7.4.1/server_closes_with_1009", func(t *testing.T) {
		p.sendFile(t, "large.bin", 16<<20+1)
		p.wait(t, `text("#state") === "CLOSED"`)
		p.want(t, `text("#closed").startsWith("1009 Message Too Big: ")`, true)
	})
	t.Run("7.4.1/server_stops_with_1001", func(t *testing.T) {
		p.connect(t)
		if err := s.stop(); err != nil {
			t.Fatal(err)
		}
		p.wait(t, `text("#state") === "CLOSED"`)
		p.want(t, `text("#closed")`, "1001 Going Away: the server is stopping")
	})
	t.Run("7.1.5/no_server", func(t *testing.T) {
		p.eval(t, `$("#log").replaceChildren(); $("#connect").click()`)
		p.wait(t, `last("ended")`)
		p.want(t, `text("#closed")`, "1006 Abnormal Closure")
		p.want(t, `facts("ended").join()`, "Closed 1006 Abnormal Closure,without a closing handshake")
	})
	t.Run("nothing_in_the_console", func(t *testing.T) {
		for _, line := range p.console {
			// What Chromium says of the two connections that did not end well belongs to the test.
			if !strings.Contains(line, "WebSocket connection to") {
				t.Error(line)
			}
		}
	})
}

// helpers is what the expressions of the test use.
const helpers = `
const $ = (selector) => document.querySelector(selector);
const text = (selector) => $(selector)?.textContent ?? null;
const last = (kind) => $("#log")?.lastElementChild?.className === kind;
// facts is what the newest entry of a kind says, but for the time; a round-trip time becomes TRIP.
const facts = (kind) => [...[...document.querySelectorAll("li." + kind)].at(-1).querySelectorAll(".head > :not(time)")]
	.map((e) => e.textContent.replace(/^\d+(\.\d+)? ms$/, "TRIP"));
`

// A page is a tab of a Chromium that newPage has started.
type page struct {
	conn    *hawser.Conn
	session string
	id      int
	files   string   // a folder for files that are sent
	console []string // what the browser complained of
}

type object map[string]any

func newPage(t *testing.T) *page {
	t.Helper()
	url := startChromium(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := hawser.Dial(ctx, url, &hawser.Config{MessageLimit: 64 << 20}) // a picture is one message
	if err != nil {
		t.Fatal(err)
	}
	p := &page{conn: conn, files: t.TempDir()}
	t.Cleanup(func() { conn.Close(hawser.StatusNormalClosure, "") })
	// The browser has to go before its folder. It ends the connection by ending itself.
	t.Cleanup(func() { conn.Write(hawser.Text, []byte(`{"id": 0, "method": "Browser.close"}`)) })

	var target struct{ TargetID string }
	p.decode(t, p.call(t, "Target.createTarget", object{"url": "about:blank"}), &target)
	var attached struct{ SessionID string }
	p.decode(t, p.call(t, "Target.attachToTarget", object{"targetId": target.TargetID, "flatten": true}), &attached)
	p.session = attached.SessionID
	for _, domain := range []string{"Page", "Runtime", "Log", "DOM"} {
		p.call(t, domain+".enable", nil)
	}
	return p
}

// startChromium starts one with a fresh profile and returns its DevTools URL.
func startChromium(t *testing.T) string {
	t.Helper()
	var program string
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skip("there is no Chromium: install one, or set CHROMIUM to its path")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-dev-shm-usage", "--no-proxy-server",
		"--remote-debugging-port=0", "--user-data-dir="+t.TempDir(), "about:blank")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{}) // every process that has Chromium's stderr has ended
	t.Cleanup(func() {
		stop := time.AfterFunc(patience, cancel) // newPage has asked it to close
		<-gone
		cmd.Wait()
		stop.Stop()
		cancel()
	})
	found := make(chan string, 1)
	go func() {
		defer close(gone)
		defer close(found)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if url, ok := strings.CutPrefix(lines.Text(), "DevTools listening on "); ok {
				found <- url
			}
		}
		io.Copy(io.Discard, stderr)
	}()
	select {
	case url, ok := <-found:
		if ok {
			return url
		}
	case <-time.After(patience):
	}
	cancel()
	t.Fatalf("%s did not start", program)
	return ""
}

// call sends a command and returns its result. Events that come first are looked at and dropped.
func (p *page) call(t *testing.T, method string, params object) json.RawMessage {
	t.Helper()
	p.id++
	command := object{"id": p.id, "method": method, "params": params}
	if params == nil {
		delete(command, "params")
	}
	if p.session != "" {
		command["sessionId"] = p.session
	}
	b, err := json.Marshal(command)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.conn.Write(hawser.Text, b); err != nil {
		t.Fatal(err)
	}
	// A browser that hangs does not answer: then the connection is cut, and Read returns.
	defer time.AfterFunc(2*patience, func() { p.conn.CloseNow() }).Stop()
	for {
		m, err := p.conn.Read()
		if err != nil {
			t.Fatalf("%s: %v", method, err)
		}
		var answer struct {
			ID     int
			Result json.RawMessage
			Error  *struct{ Message, Data string }
			Method string
			Params json.RawMessage
		}
		p.decode(t, m.Data, &answer)
		switch {
		case answer.Method == "Log.entryAdded" || answer.Method == "Runtime.exceptionThrown":
			p.console = append(p.console, string(answer.Params))
		case answer.ID == p.id && answer.Error != nil:
			t.Fatalf("%s: %s %s", method, answer.Error.Message, answer.Error.Data)
		case answer.ID == p.id:
			return answer.Result
		}
	}
}

func (p *page) decode(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%v: %.200s", err, b)
	}
}

// eval returns the value of a JavaScript expression, or of the promise that it gives.
func (p *page) eval(t *testing.T, expression string) any {
	t.Helper()
	var answer struct {
		Result           struct{ Value any }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description, Value string }
		}
	}
	p.decode(t, p.call(t, "Runtime.evaluate", object{
		"expression":   "{" + helpers + expression + "}",
		"awaitPromise": true, "returnByValue": true, "userGesture": true,
	}), &answer)
	if e := answer.ExceptionDetails; e != nil {
		t.Fatalf("%s: %s", expression, cmp.Or(e.Exception.Description, e.Exception.Value, e.Text))
	}
	return answer.Result.Value
}

// wait returns when a condition holds. The page looks again whenever it has changed.
func (p *page) wait(t *testing.T, condition string) {
	t.Helper()
	p.eval(t, fmt.Sprintf(`new Promise((resolve, reject) => {
		const look = () => {
			if (!(%s)) return;
			observer.disconnect();
			clearTimeout(timer);
			resolve();
		};
		const observer = new MutationObserver(look);
		observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
		document.addEventListener("DOMContentLoaded", look);
		const timer = setTimeout(() => reject("did not come true; the page says: " + document.body.innerText), %d);
		look();
	})`, condition, patience.Milliseconds()))
}

// want compares the value of an expression.
func (p *page) want(t *testing.T, expression string, want any) {
	t.Helper()
	if got := p.eval(t, expression); got != want {
		t.Errorf("%s is %#v, want %#v", expression, got, want)
	}
}

// key presses and releases a key.
func (p *page) key(t *testing.T, key, text string, code int) {
	t.Helper()
	event := object{"type": "keyDown", "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code}
	p.call(t, "Input.dispatchKeyEvent", event)
	event["type"] = "keyUp"
	delete(event, "text")
	p.call(t, "Input.dispatchKeyEvent", event)
}

// connect connects again.
func (p *page) connect(t *testing.T) {
	t.Helper()
	p.eval(t, `$("#log").replaceChildren(); $("#connect").click()`)
	p.wait(t, `text("#state") === "OPEN"`)
}

// sendFile chooses a new file of n random bytes, as a person does, and sends it.
func (p *page) sendFile(t *testing.T, name string, n int) {
	t.Helper()
	content := make([]byte, n)
	rand.NewChaCha8([32]byte{}).Read(content)
	path := filepath.Join(p.files, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	var root struct{ Root struct{ NodeID int } }
	p.decode(t, p.call(t, "DOM.getDocument", nil), &root)
	var input struct{ NodeID int }
	p.decode(t, p.call(t, "DOM.querySelector", object{"nodeId": root.Root.NodeID, "selector": "#file"}), &input)
	p.call(t, "DOM.setFileInputFiles", object{"nodeId": input.NodeID, "files": []string{path}})
	p.wait(t, `!$("#send-binary").disabled && $("#file").files[0].name === `+fmt.Sprintf("%q", name))
	p.eval(t, `$("#send-binary").click()`)
}

// pictures checks that nothing is cut off on narrow and wide screens, and takes pictures of them, light and dark.
func (p *page) pictures(t *testing.T, url string) {
	prefix := strings.TrimSuffix(os.Getenv("HAWSER_SCREENSHOT"), ".png")
	p.eval(t, `$("#log").replaceChildren(); $("#text").value = "Whatever you send comes back."; $("#send").click()`)
	p.wait(t, `last("received")`)
	p.sendFile(t, "photo.bin", 345678)
	p.wait(t, `last("received") && document.querySelectorAll("li.received").length === 2`)
	p.eval(t, `$("#code").value = "9999"; $("#disconnect").click()`)
	p.wait(t, `last("problem")`)
	p.eval(t, `$("#text").value = "A second line\nmay follow the first."; $("#text").focus()`)
	for _, screen := range []struct {
		name          string
		width, height int
		mobile        bool
	}{{"wide", 1280, 800, false}, {"narrow", 360, 780, true}} {
		p.call(t, "Emulation.setDeviceMetricsOverride", object{"width": screen.width, "height": screen.height, "deviceScaleFactor": 1, "mobile": screen.mobile})
		for _, scheme := range []string{"light", "dark"} {
			p.call(t, "Emulation.setEmulatedMedia", object{"features": []object{{"name": "prefers-color-scheme", "value": scheme}}})
			p.want(t, fmt.Sprintf(`matchMedia("(prefers-color-scheme: %s)").matches`, scheme), true)
			p.want(t, `document.documentElement.scrollWidth <= innerWidth`, true)
			if prefix == "" {
				continue
			}
			var picture struct{ Data string }
			p.decode(t, p.call(t, "Page.captureScreenshot", object{"captureBeyondViewport": true}), &picture)
			b, err := base64.StdEncoding.DecodeString(picture.Data)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(fmt.Sprintf("%s-%s-%s.png", prefix, screen.name, scheme), b, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	p.call(t, "Emulation.clearDeviceMetricsOverride", nil)
	p.eval(t, `$("#text").value = ""; $("#code").value = "1000"`)
}
