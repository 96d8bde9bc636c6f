// Package client is an example: a client library in Go is checked from an
// ordinary Go test.
package client_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/mockauth/mockauth/conformance/client"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/conformance/report"
	"github.com/mockauth/mockauth/specs"
	"github.com/mockauth/mockauth/testdata/clients/go/jmapcloud"
)

// adapter lets the library be told what to do: a method for each thing that a
// session has. The library here is jmapcloud; yours has other names.
type adapter struct{ c *jmapcloud.Client }

func (a adapter) Login(ctx context.Context, account driver.Account) error {
	email, _ := account["email"].(string) // fields as the contract has them
	password, _ := account["password"].(string)
	return said(a.c.Login(ctx, email, password))
}

func (a adapter) Call(ctx context.Context) error { // any call that needs the session
	_, err := a.c.Self(ctx)
	return said(err)
}

func (a adapter) Refresh(ctx context.Context) error { return said(a.c.Refresh(ctx, "")) }

func (a adapter) Logout(ctx context.Context) error { return said(a.c.Logout(ctx)) }

func (a adapter) Resume(ctx context.Context, token string) error {
	return said(a.c.SetToken(ctx, token))
}

// said is an error of the library as a driver tells it: its key, the status that
// it names, and whether it wants a new login.
func said(err error) error {
	var e *jmapcloud.Error
	if errors.As(err, &e) {
		return &driver.Error{Code: e.Code, HTTP: e.Status, Login: e.Login, Message: e.Error()}
	}
	return err
}

func TestTheClientConforms(t *testing.T) {
	contract, err := specs.System("jmap-cloud")
	if err != nil {
		t.Fatal(err)
	}
	about := driver.About{
		Name: "jmapcloud", Version: "1.0.0", Language: "Go",
		Does: []string{driver.Login, driver.Call, driver.Renew, driver.Logout, driver.Resume},
	}
	// Each case has a server of its own, and so a client of its own.
	start := driver.Local(about, func(task *driver.Task, _ io.Writer) (driver.Client, error) {
		c, err := jmapcloud.New(task.BaseURL, nil)
		return adapter{c}, err
	})

	result, err := client.Run(t.Context(), contract, client.Options{Start: start})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range result.Verdicts {
		if v.Status.Fails() {
			t.Error(report.Text(v))
		}
	}
	if result.Ran() == 0 {
		t.Error("nothing was checked")
	}
	if _, err := report.Write(t.TempDir(), result); err != nil {
		t.Error(err)
	}
}
