package http_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"weir/http"
	"weir/internal/host"
	"weir/weirtest"
)

func TestAnAnswerComesBackWhole(t *testing.T) {
	weirtest.Requests()
	weirtest.Answer("http://a.example/teams", http.Response{Status: 203, Headers: []string{"content-type", "text/csv", "x", "1", "x", "2"}, Body: []byte("a,b")})
	answer, err := http.Get("http://a.example/teams")
	if err != nil || !answer.OK() || string(answer.Body) != "a,b" {
		t.Fatal(answer, err)
	}
	if answer.Header("Content-Type") != "text/csv" || answer.Header("X") != "1" || answer.Header("y") != "" {
		t.Error(answer.Headers)
	}
	weirtest.Answer("http://a.example/gone", http.Response{Status: 410})
	if answer, err := http.Get("http://a.example/gone"); err != nil || answer.OK() || answer.Status != 410 {
		t.Error("any status is an answer", answer, err)
	}
	if asked := weirtest.Requests(); len(asked) != 2 || asked[0].Method != "GET" || asked[1].URL != "http://a.example/gone" {
		t.Error(asked)
	}
}

func TestARequestGoesOutWhole(t *testing.T) {
	weirtest.Requests()
	headers := []string{"Accept", "text/csv"}
	for timeout, wanted := range map[time.Duration]time.Duration{
		0: 0, -1: 0, 1: time.Millisecond, 2*time.Millisecond + 1: 3 * time.Millisecond, 3 * time.Second: 3 * time.Second,
		100 * 24 * time.Hour: (1<<32 - 1) * time.Millisecond,
	} {
		_, _ = http.Send(http.Request{Method: "PUT", URL: "http://b.example/", Headers: headers, Body: []byte("x"), Timeout: timeout})
		asked := weirtest.Requests()
		if len(asked) != 1 || asked[0].Timeout != wanted || asked[0].Method != "PUT" || string(asked[0].Body) != "x" || !slices.Equal(asked[0].Headers, headers) {
			t.Error(timeout, asked)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	weirtest.Requests()
	var malformed *http.Malformed
	for _, request := range []http.Request{
		{URL: "http://\xff/"}, {URL: "http://a/", Method: "\xff"}, {URL: "http://a/", Headers: []string{"a", "\xff"}},
		{URL: "http://a/", Headers: []string{"a"}},
	} {
		if _, err := http.Send(request); !errors.As(err, &malformed) {
			t.Error(request, err)
		}
	}
	if asked := weirtest.Requests(); asked != nil {
		t.Error("weir was asked", asked)
	}
	var denied *http.NotGranted
	if _, err := http.Get("http://c.example:81/x"); !errors.As(err, &denied) || denied.Host != "c.example:81" {
		t.Error(err)
	}

	defer func() { host.RefuseRequests, host.RefuseRequestsWhy = host.Answered, "" }()
	said := func(how int, why string) error {
		host.RefuseRequests, host.RefuseRequestsWhy = how, why
		_, err := http.Get("http://a.example/teams")
		return err
	}
	if err := said(host.HTTPMalformed, "words"); !errors.As(err, &malformed) || malformed.What != "words" {
		t.Error(err)
	}
	var large *http.TooLarge
	if err := said(host.HTTPTooLarge, "words"); !errors.As(err, &large) || large.What != "words" {
		t.Error(err)
	}
	var late *http.Timeout
	if err := said(host.HTTPTimeout, "words"); !errors.As(err, &late) || late.What != "words" {
		t.Error(err)
	}
	var failed *http.Failed
	if err := said(host.HTTPFailed, "words"); !errors.As(err, &failed) || failed.Error() != "words" {
		t.Error(err)
	}
	if err := said(host.HTTPOverBudget, ""); !errors.Is(err, http.ErrOverBudget) {
		t.Error(err)
	}
	if err := said(host.HTTPNotNow, ""); !errors.Is(err, http.ErrNotNow) {
		t.Error(err)
	}
}
