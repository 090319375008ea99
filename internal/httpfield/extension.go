package httpfield

// An Extension is one element of Sec-WebSocket-Extensions (RFC 6455, 9.1). It is
// declared here so that who reads the field and who negotiates an extension can
// hand over a list without knowing each other.
type Extension struct {
	Name   string
	Params []Param
}

// A Param is a parameter of an [Extension]. Value is a token, free of quotes and
// escapes, if HasValue; else it is empty.
type Param struct {
	Name     string
	Value    string
	HasValue bool
}
