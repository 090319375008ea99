package conn

// An agreement is what came of the opening handshake beside the connection: many have none.
type agreement struct {
	subprotocol string
	extensions  string
	value       any // what OnRequest returned
}

// agree notes what the connection was opened with.
func (c *Conn) agree(subprotocol string, value any) {
	if subprotocol != "" || value != nil {
		c.agreement = &agreement{subprotocol: subprotocol, value: value}
	}
}

// agreeExtensions notes the header field's value for the extensions that are in use.
func (c *Conn) agreeExtensions(extensions string) {
	if c.agreement == nil {
		c.agreement = new(agreement)
	}
	c.agreement.extensions = extensions
}

// agreed returns what was agreed on.
func (c *Conn) agreed() agreement {
	if c.agreement == nil {
		return agreement{}
	}
	return *c.agreement
}

// Subprotocol returns the subprotocol that both sides agreed on (RFC 6455, 1.9), "" if none.
func (c *Conn) Subprotocol() string { return c.agreed().subprotocol }

// Extensions returns the value of Sec-WebSocket-Extensions that both sides agreed on (RFC 6455, 9.1), "" if none.
func (c *Conn) Extensions() string { return c.agreed().extensions }

// Value returns what [Config].OnRequest returned for the connection, nil if there was no OnRequest. It is set before the connection is handed out and never changes.
func (c *Conn) Value() any { return c.agreed().value }
