//go:build wasip1

package host

import "unsafe"

//go:wasmimport weir:plugin/http@0.1.2 send
func httpSend(method, url string, headers unsafe.Pointer, count uint32, body unsafe.Pointer, size, timed, timeout uint32, answer unsafe.Pointer)

// What is passed, in variables of the package: see state_wasip1.go.
var (
	asking struct {
		request *Request
		headers []text
	}
	// The contract's result of `send`; what a small number leaves of its word has no meaning.
	answered struct {
		refused uint32
		// status, or which refusal
		status uint32
		// headers, or the refusal's words
		headers, body text
	}
)

// As the canonical ABI lays it out: weir's own tests hold this size against the contract.
var _ [24]byte = [unsafe.Sizeof(answered)]byte{}

// Send has weir make the request, and waits.
func Send(r *Request) (answer Response, how int, why string) {
	asking.request, asking.headers = r, texts(r.Headers)
	timed := uint32(0)
	if r.Timeout > 0 {
		timed = 1
	}
	httpSend(r.Method, r.URL, unsafe.Pointer(unsafe.SliceData(asking.headers)), uint32(len(asking.headers)/2),
		unsafe.Pointer(unsafe.SliceData(r.Body)), uint32(len(r.Body)), timed, r.Timeout, unsafe.Pointer(&answered))
	asking.request, asking.headers = nil, nil
	if answered.refused&0xff == 0 {
		return Response{int(answered.status & 0xffff), answered.headers.pairs(), answered.body.bytes()}, Answered, ""
	}
	how = HTTPMalformed + int(answered.status&0xff)
	if how != HTTPOverBudget && how < HTTPNotNow {
		why = answered.headers.string()
	}
	return answer, how, why
}

func (t text) bytes() []byte {
	if t.len == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Add(nil, t.at)), t.len)
}

func (t text) string() string { return unsafe.String(unsafe.SliceData(t.bytes()), t.len) }

// pairs are the strings of a list of pairs.
func (t text) pairs() []string {
	if t.len == 0 {
		return nil
	}
	strings := make([]string, 2*t.len)
	for i, s := range unsafe.Slice((*text)(unsafe.Add(nil, t.at)), 2*t.len) {
		strings[i] = s.string()
	}
	return strings
}
