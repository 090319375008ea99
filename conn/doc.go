// Package conn composes mask, frame, handshake and the protocol machine into a [Conn]: a WebSocket connection over any byte stream.
//
// Most programs import the root package hawser, which has the same names. The files are the map: accept.go and dial.go open a connection,
// input.go turns bytes into messages, read.go and write.go drive the two directions, control.go sends what the protocol asks for, close.go ends it.
package conn
