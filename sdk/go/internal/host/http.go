package host

// Request is an HTTP request to make.
type Request struct {
	Method, URL string
	// Headers are names and values in turn.
	Headers []string
	Body    []byte
	// Timeout is milliseconds; 0: as long as the call may wait.
	Timeout uint32
}

// Response is what came back.
type Response struct {
	Status  int
	Headers []string
	Body    []byte
}
