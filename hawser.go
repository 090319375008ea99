package hawser

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"

	"github.com/hawser-go/hawser/conn"
	"github.com/hawser-go/hawser/deflate"
	"github.com/hawser-go/hawser/frame"
	"github.com/hawser-go/hawser/handshake"
)

// The types of a connection. See [conn] for what each promises.
type (
	// Conn is one WebSocket connection.
	Conn = conn.Conn
	// Server accepts connections from listeners, without net/http.
	Server = conn.Server
	// Events are the functions that a connection calls in the push style.
	Events = conn.Events
	// EventLoop says whether an event loop drives connections with Events.
	EventLoop = conn.EventLoop
	// LoopStats is what one event loop has done so far.
	LoopStats = conn.LoopStats
	// Request is an opening handshake, as Config.OnRequest sees it.
	Request = handshake.Request
	// Refusal is the error with which Config.OnRequest refuses a request: a status, header fields and a body. It is what package handshake calls an Error.
	Refusal = handshake.Error
	// Config has every knob of a connection; nil and the zero value are ready.
	Config = conn.Config
	// Message is one whole message.
	Message = conn.Message
	// MessageType is the type of a message: Text or Binary.
	MessageType = conn.MessageType
	// Prepared is one message for many connections.
	Prepared = conn.Prepared
	// MessageReader is an io.Reader of one message.
	MessageReader = conn.MessageReader
	// JSONError says that a message is not the JSON that ReadJSON wanted, and has the message.
	JSONError = conn.JSONError
	// Registry bounds and ends the connections of any number of Servers and handlers together.
	Registry = conn.Registry
	// MessageWriter writes one message in pieces.
	MessageWriter = conn.MessageWriter
	// QueuePolicy says what Send does when the send queue is full.
	QueuePolicy = conn.QueuePolicy
	// InterruptedError says that a write's context ended first.
	InterruptedError = conn.InterruptedError
	// Stats is what a connection has done so far.
	Stats = conn.Stats
	// Observer is told what happens on connections.
	Observer = conn.Observer
	// ObserverFunc is a function that is an Observer.
	ObserverFunc = conn.ObserverFunc
	// Observation is something that has happened on a connection.
	Observation = conn.Observation
	// ObservationKind says what.
	ObservationKind = conn.ObservationKind
	// Role is the side of a connection.
	Role = conn.Role
	// State is the state of a connection, as the browser's WebSocket API names it.
	State = conn.State
	// StatusCode is a close status code (RFC 6455, 7.4).
	StatusCode = frame.StatusCode
	// Close is the body of a Close frame.
	Close = conn.Close
	// Compression is what one side wants of permessage-deflate, for Config.Compression.
	Compression = deflate.Config
	// CloseError says how a connection ended.
	CloseError = conn.CloseError
	// EOF says where in the stream of frames the transport ended.
	EOF = conn.EOF
	// HandshakeError says why the opening handshake failed.
	HandshakeError = conn.HandshakeError
	// ProxyError says that a connection failed at the proxy.
	ProxyError = conn.ProxyError
	// ProtocolError says which rule a peer broke.
	ProtocolError = frame.ProtocolError
)

// The types of a message (RFC 6455, 5.6).
const (
	Text   = conn.Text
	Binary = conn.Binary
	// Uncompressed is added to one of them to send a message as it is on a connection that compresses.
	Uncompressed = conn.Uncompressed
)

// How hard compression tries.
const (
	LevelFast = deflate.LevelFast
	LevelBest = deflate.LevelBest
)

// What Send does when the send queue is full.
const (
	DropNewest           = conn.DropNewest
	DropOldest           = conn.DropOldest
	ClosePolicyViolation = conn.ClosePolicyViolation
	CloseTryAgainLater   = conn.CloseTryAgainLater
)

// What drives connections with Events.
const (
	EventLoopAuto   = conn.EventLoopAuto
	EventLoopAlways = conn.EventLoopAlways
	EventLoopNever  = conn.EventLoopNever
)

// What an Observer is told.
const (
	ObservedOpened          = conn.ObservedOpened
	ObservedMessageReceived = conn.ObservedMessageReceived
	ObservedMessageSent     = conn.ObservedMessageSent
	ObservedControlReceived = conn.ObservedControlReceived
	ObservedControlSent     = conn.ObservedControlSent
	ObservedQueueFull       = conn.ObservedQueueFull
	ObservedClosed          = conn.ObservedClosed
)

// The sides of a connection.
const (
	RoleServer = conn.RoleServer
	RoleClient = conn.RoleClient
)

// The states of a connection.
const (
	StateConnecting = conn.StateConnecting
	StateOpen       = conn.StateOpen
	StateClosing    = conn.StateClosing
	StateClosed     = conn.StateClosed
)

// Where the transport ended.
const (
	NoEOF       = conn.NoEOF
	EOFBoundary = conn.EOFBoundary
	EOFInside   = conn.EOFInside
)

// The close status codes of IANA's registry.
const (
	StatusNormalClosure           = frame.StatusNormalClosure
	StatusGoingAway               = frame.StatusGoingAway
	StatusProtocolError           = frame.StatusProtocolError
	StatusUnsupportedData         = frame.StatusUnsupportedData
	StatusNoStatusRcvd            = frame.StatusNoStatusRcvd
	StatusAbnormalClosure         = frame.StatusAbnormalClosure
	StatusInvalidFramePayloadData = frame.StatusInvalidFramePayloadData
	StatusPolicyViolation         = frame.StatusPolicyViolation
	StatusMessageTooBig           = frame.StatusMessageTooBig
	StatusMandatoryExt            = frame.StatusMandatoryExt
	StatusInternalError           = frame.StatusInternalError
	StatusServiceRestart          = frame.StatusServiceRestart
	StatusTryAgainLater           = frame.StatusTryAgainLater
	StatusBadGateway              = frame.StatusBadGateway
	StatusTLSHandshake            = frame.StatusTLSHandshake
	StatusUnauthorized            = frame.StatusUnauthorized
	StatusForbidden               = frame.StatusForbidden
	StatusTimeout                 = frame.StatusTimeout
)

// The errors that are values.
var (
	ErrClosed             = conn.ErrClosed
	ErrReading            = conn.ErrReading
	ErrNotReading         = conn.ErrNotReading
	ErrInvalidMessageType = conn.ErrInvalidMessageType
	ErrInvalidUTF8        = conn.ErrInvalidUTF8
	ErrSendQueueFull      = conn.ErrSendQueueFull
	ErrReaderExpired      = conn.ErrReaderExpired
	ErrReadClosed         = conn.ErrReadClosed
	ErrNotText            = conn.ErrNotText
)

// Handler returns an http.Handler that accepts WebSocket connections and calls f for each. See [conn.Handler].
func Handler(f func(*Conn), cfg *Config) http.Handler { return conn.Handler(f, cfg) }

// EventHandler returns an http.Handler that accepts WebSocket connections and drives each with e. See [conn.EventHandler].
func EventHandler(e *Events, cfg *Config) http.Handler { return conn.EventHandler(e, cfg) }

// EventLoopStats returns what the event loops of the process have done so far. See [conn.EventLoopStats].
func EventLoopStats() []LoopStats { return conn.EventLoopStats() }

// Accept does the server's half of the opening handshake on a request that net/http has read. See [conn.Accept].
func Accept(w http.ResponseWriter, r *http.Request, cfg *Config) (*Conn, error) {
	return conn.Accept(w, r, cfg)
}

// Dial opens a connection to a ws or wss URL. See [conn.Dial].
func Dial(ctx context.Context, url string, cfg *Config) (*Conn, error) {
	return conn.Dial(ctx, url, cfg)
}

// New returns a connection over rwc on which the opening handshake has been done elsewhere. See [conn.New].
func New(rwc io.ReadWriteCloser, role Role, buffered []byte, cfg *Config) *Conn {
	return conn.New(rwc, role, buffered, cfg)
}

// Prepare returns a message that is validated and compressed once, for [Conn.WritePrepared]. See [conn.Prepare].
func Prepare(t MessageType, p []byte) (*Prepared, error) { return conn.Prepare(t, p) }

// Pipe returns two connections that are connected to each other in memory. See [conn.Pipe].
func Pipe(cfg *Config) (client, server *Conn) { return conn.Pipe(cfg) }

// Broadcast sends m to each of conns, and waits for none of them. It returns how many have not taken it. See [conn.Broadcast].
func Broadcast(m *Prepared, conns iter.Seq[*Conn]) (failed int) { return conn.Broadcast(m, conns) }

// NetConn returns a net.Conn whose bytes travel in messages of c of type t. See [conn.NetConn].
func NetConn(c *Conn, t MessageType) net.Conn { return conn.NetConn(c, t) }

// ReadJSON reads the next message of c, which must be text, into v. See [conn.ReadJSON].
func ReadJSON(ctx context.Context, c *Conn, v any) error { return conn.ReadJSON(ctx, c, v) }

// WriteJSON sends v as a text message. See [conn.WriteJSON].
func WriteJSON(ctx context.Context, c *Conn, v any) error { return conn.WriteJSON(ctx, c, v) }

// LogObserver returns an Observer that logs with l. See [conn.LogObserver].
func LogObserver(l *slog.Logger) Observer { return conn.LogObserver(l) }
