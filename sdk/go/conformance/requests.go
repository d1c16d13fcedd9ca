package main

import (
	"errors"
	"fmt"
	"time"

	"weir/http"
)

func ask(method, url, body string, timeout time.Duration) (http.Response, error) {
	headers := []string{"x-asked", "conformance", "x-asked", "twice"}
	return http.Send(http.Request{Method: method, URL: url, Headers: headers, Body: []byte(body), Timeout: timeout})
}

func often(times int, url string) string {
	for range times {
		if _, err := ask("GET", url, "", 0); err == http.ErrOverBudget {
			return "over budget"
		}
	}
	return "asked"
}

func asked(answer http.Response, err error) string {
	var (
		malformed *http.Malformed
		denied    *http.NotGranted
		large     *http.TooLarge
		late      *http.Timeout
		failed    *http.Failed
	)
	switch {
	case err == nil:
		return fmt.Sprintf("%d %s %s", answer.Status, answer.Header("X-Answered"), answer.Body)
	case err == http.ErrOverBudget:
		return "over budget"
	case err == http.ErrNotNow:
		return "not now"
	case errors.As(err, &malformed):
		return "malformed"
	case errors.As(err, &denied):
		return "not granted"
	case errors.As(err, &large):
		return "too large"
	case errors.As(err, &late):
		return "timeout"
	case errors.As(err, &failed):
		return "failed"
	}
	return err.Error()
}
