package main

import (
	"errors"
	"fmt"
	"time"

	"weir"
	"weir/http"
	"weir/series"
	"weir/tick"
	"weir/verdicts"
)

type config struct {
	URL string `json:"url"`
}

type plugin struct {
	config
	by, echo, early string
}

func ask(request http.Request) (by, echo string, err error) {
	answer, err := http.Send(request)
	if err != nil {
		return "", "", err
	}
	if answer.Status != 200 || !answer.OK() {
		return "", "", fmt.Errorf("status %d", answer.Status)
	}
	return answer.Header("X-Method"), string(answer.Body), nil
}

func newPlugin(c config) (*plugin, error) {
	p := &plugin{config: c}
	var denied *http.NotGranted
	if _, err := http.Get("http://other.example/"); !errors.As(err, &denied) || denied.Host != "other.example:80" {
		return nil, fmt.Errorf("another host: %v", err)
	}
	var late *http.Timeout
	if _, err := http.Send(http.Request{URL: c.URL + "silent", Timeout: time.Millisecond}); !errors.As(err, &late) || late.What == "" {
		return nil, fmt.Errorf("a server that says nothing: %v", err)
	}
	var malformed *http.Malformed
	if _, err := http.Send(http.Request{URL: c.URL, Method: "CONNECT"}); !errors.As(err, &malformed) || malformed.What == "" {
		return nil, fmt.Errorf("another method: %v", err)
	}
	var err error
	p.by, p.echo, err = ask(http.Request{URL: c.URL})
	return p, err
}

func (p *plugin) SeriesWants() weir.Labels {
	if _, err := http.Get(p.URL); err != nil {
		p.early = err.Error()
	}
	return weir.Nothing()
}

func (p *plugin) Series(batch *series.Batch) error {
	for row := range batch.Rows() {
		row.Set("by", p.by)
		row.Set("echo", p.echo)
		row.Set("early", p.early)
	}
	return nil
}

func (p *plugin) TickInterval() time.Duration { return 15 * time.Second }

func (p *plugin) Tick(time.Time, bool) (err error) {
	p.by, p.echo, err = ask(http.Request{Method: "PUT", URL: p.URL, Headers: []string{"X-Word", "grüezi"}, Body: []byte("größe")})
	verdicts.Forget()
	return err
}

func init() {
	p := weir.Plugin(newPlugin)
	series.Export(p)
	tick.Export(p)
}

func main() {}
