package conn

// Value returns what [Config].OnRequest returned for the connection, nil if there was no OnRequest. It is set before the connection is handed out and never changes.
func (c *Conn) Value() any { return c.value }
