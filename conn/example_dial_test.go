package conn_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/hawser-go/hawser/conn"
)

// A client behind a proxy that wants a password. Without Config.Proxy the environment's HTTP_PROXY, HTTPS_PROXY and NO_PROXY decide.
func ExampleDial_proxy() {
	// It lets nobody through, which is all that this example needs.
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("the proxy was asked:", r.Method, r.Host, r.Header.Get("X-Team"))
		w.Header().Set("Proxy-Authenticate", "Basic")
		http.Error(w, "who are you?", http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()

	u, err := url.Parse(proxy.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	u.User = url.UserPassword("gopher", "forgotten")
	_, err = conn.Dial(context.Background(), "wss://server.example.com/chat", &conn.Config{
		Proxy:       http.ProxyURL(u),
		ProxyHeader: http.Header{"X-Team": {"blue"}},
	})
	if failed, ok := errors.AsType[*conn.ProxyError](err); ok {
		fmt.Println("it was the proxy:", failed.Proxy == proxy.URL)
	}
	if refused, ok := errors.AsType[*conn.HandshakeError](err); ok {
		fmt.Printf("%d %q\n", refused.Status, refused.Body)
	}
	// Output:
	// the proxy was asked: CONNECT server.example.com:443 blue
	// it was the proxy: true
	// 407 "who are you?\n"
}

// A client that logs in over HTTP and then connects with the cookie that it got, a token, and a redirect on the way.
func ExampleDial_cookies() {
	mux := http.NewServeMux()
	mux.HandleFunc("/login", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "7"})
	})
	mux.Handle("/chat", http.RedirectHandler("/v2/chat", http.StatusPermanentRedirect))
	mux.HandleFunc("/v2/chat", func(w http.ResponseWriter, r *http.Request) {
		fmt.Println(r.Header.Get("Cookie"), r.Header.Get("Authorization"))
		c, err := conn.Accept(w, r, nil)
		if err == nil {
			c.Close(1000, "")
		}
	})
	server := httptest.NewServer(mux)
	defer server.Close()

	jar, err := cookiejar.New(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	resp, err := (&http.Client{Jar: jar}).Get(server.URL + "/login")
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()

	c, err := conn.Dial(context.Background(), "ws"+strings.TrimPrefix(server.URL, "http")+"/chat", &conn.Config{
		Jar:       jar,
		Header:    http.Header{"Authorization": {"Bearer secret"}},
		Redirects: 3, // within one origin the header goes along
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for range c.Messages() {
	}
	fmt.Println("closed by the server")
	// Output:
	// session=7 Bearer secret
	// closed by the server
}

// A client of a server that listens on a Unix socket.
func ExampleDial_unix() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "chat.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		fmt.Println(err)
		return
	}
	server := &http.Server{Handler: conn.Handler(func(c *conn.Conn) { c.Write(conn.Text, []byte("hello")) }, nil)}
	go server.Serve(ln)
	defer server.Close()

	c, err := conn.Dial(context.Background(), "ws+unix://"+path+":/chat", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.CloseNow()
	m, err := c.Read()
	fmt.Printf("%s %v\n", m.Data, err)
	// Output:
	// hello <nil>
}
