package main

import (
	"context"
	cryptorand "crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/mockauth/mockauth/mockserver"
	"github.com/mockauth/mockauth/specs"
)

type serveFlags struct {
	host          string
	port          int
	adminPort     int
	adminToken    string
	readyFile     string
	seed          string
	profiles      []string
	settings      []string
	accounts      []string
	logFormat     string
	quiet         bool
	noDiagnostics bool
}

func serveCommand(environ []string) *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve [SYSTEM|FILE|DIR ...]",
		Short: "Serve contracts as fake backends",
		Long: `Serve the named contracts, or all shipped ones, at their documented paths on one
port, so that a client changes nothing but the host. A name without a slash is
a shipped system; anything else is an OpenAPI file or a folder with one.

Shipped systems: ` + strings.Join(specs.Systems(), ", ") + `.

Every flag has a variable, MOCKAUTH_ and its name: MOCKAUTH_PORT=0. The flag
wins. --profile, --set and --accounts may be given several times; in a variable
their values are divided by commas.`,
		Example: `  mockauth serve
  mockauth serve SYSTEM --port 0 --ready-file ready
  mockauth serve SYSTEM --profile SYSTEM=NAME
  mockauth serve SYSTEM --set SYSTEM.KEY=VALUE
  mockauth serve ./my-api --accounts team.yaml`,
		PreRunE: func(cmd *cobra.Command, _ []string) error { return fromEnvironment(cmd, environ) },
		RunE: func(cmd *cobra.Command, args []string) error {
			return serve(cmd.Context(), args, f, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.host, "host", "127.0.0.1", "`ADDRESS` to listen on; beyond loopback the control API wants a token")
	fl.IntVar(&f.port, "port", 4010, "`PORT` to listen on; 0 picks a free one")
	fl.IntVar(&f.adminPort, "admin-port", -1, "`PORT` for the control API alone; 0 picks a free one (default: /__admin on the same port)")
	fl.StringVar(&f.adminToken, "admin-token", "", "`TOKEN` that the control API wants (default: none on loopback, else made and printed)")
	fl.StringVar(&f.readyFile, "ready-file", "", "`FILE` that gets the URL as soon as the server answers, and goes when it ends")
	fl.StringVar(&f.seed, "seed", "", "`NUMBER` that makes ids and tokens the same at every start (default: random)")
	fl.StringArrayVar(&f.profiles, "profile", nil, "use this profile, as `SYSTEM=NAME`; several are joined by +")
	fl.StringArrayVar(&f.settings, "set", nil, "change a setting, as `SYSTEM.KEY=VALUE`")
	fl.StringArrayVar(&f.accounts, "accounts", nil, "YAML `FILE` with accounts of your own")
	fl.StringVar(&f.logFormat, "log-format", "text", "`FORMAT` of the log on stderr: text or json")
	fl.BoolVar(&f.quiet, "quiet", false, "print only listening url=… (and a control token that was made), and log nothing but warnings")
	fl.BoolVar(&f.noDiagnostics, "no-diagnostics", false, "leave the Mockauth-… headers out of answers")
	fl.Lookup("admin-port").DefValue = "0" // -1 means none, which the help need not show
	return cmd
}

// fromEnvironment gives every flag that was not given its variable.
func fromEnvironment(cmd *cobra.Command, environ []string) error {
	env := map[string]string{}
	for _, e := range environ {
		if k, v, ok := strings.Cut(e, "="); ok {
			env[k] = v
		}
	}
	names := []string{"host", "port", "admin-port", "admin-token", "ready-file", "seed", "profile", "set", "accounts", "log-format", "quiet", "no-diagnostics"}
	for _, name := range names {
		key := "MOCKAUTH_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		v, ok := env[key]
		if !ok || cmd.Flags().Changed(name) {
			continue
		}
		values := []string{v}
		if cmd.Flags().Lookup(name).Value.Type() == "stringArray" {
			if v == "" {
				continue // no values
			}
			values = strings.Split(v, ",")
		}
		for _, v := range values {
			if err := cmd.Flags().Set(name, v); err != nil {
				return exit{exitUsage, fmt.Errorf("%s: %w", key, plain(err))}
			}
		}
	}
	return nil
}

// target is the option for one argument: a shipped system, a file or a folder.
func target(arg string) mockserver.Option {
	if slices.Contains(specs.Systems(), arg) {
		return mockserver.System(arg)
	}
	if _, err := os.Stat(arg); err != nil && !strings.ContainsAny(arg, `/\.`) {
		return mockserver.System(arg) // its error names the systems
	}
	return mockserver.File(arg)
}

func options(args []string, f serveFlags, log *slog.Logger) ([]mockserver.Option, error) {
	opts := []mockserver.Option{mockserver.Logger(log), mockserver.Host(f.host)}
	for _, a := range args {
		opts = append(opts, target(a))
	}
	for _, p := range f.profiles {
		system, name, ok := strings.Cut(p, "=")
		if !ok {
			return nil, fmt.Errorf("--profile is SYSTEM=NAME, not %q", p)
		}
		opts = append(opts, mockserver.Profile(system, name))
	}
	for _, s := range f.settings {
		key, v, ok := strings.Cut(s, "=")
		system, name, dotted := strings.Cut(key, ".")
		if !ok || !dotted {
			return nil, fmt.Errorf("--set is SYSTEM.KEY=VALUE, not %q", s)
		}
		var x any = v
		if v == "null" {
			x = nil
		}
		opts = append(opts, mockserver.Setting(system, name, x))
	}
	for _, a := range f.accounts {
		opts = append(opts, mockserver.Accounts(a))
	}
	if f.seed != "" {
		n, err := strconv.ParseUint(f.seed, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("--seed is a whole number, not %q", f.seed)
		}
		opts = append(opts, mockserver.Seed(n))
	}
	if f.noDiagnostics {
		opts = append(opts, mockserver.NoDiagnostics())
	}
	return opts, nil
}

func serve(ctx context.Context, args []string, f serveFlags, stdout, stderr io.Writer) error {
	log, err := logger(f, stderr)
	if err != nil {
		return exit{exitUsage, err}
	}
	if f.port < 0 || f.port > 65535 || f.adminPort < -1 || f.adminPort > 65535 {
		return exit{exitUsage, errors.New("a port is a number from 0 to 65535")}
	}
	if f.host == "" { // net.Listen takes it for all addresses
		return exit{exitUsage, errors.New("--host is an address; 0.0.0.0 is all of them")}
	}
	if err := stale(f.readyFile); err != nil {
		return exit{exitServe, err}
	}
	opts, err := options(args, f, log)
	if err != nil {
		return exit{exitUsage, err}
	}
	made := f.adminToken == "" && !loopback(f.host)
	if made {
		var b [16]byte
		if _, err := cryptorand.Read(b[:]); err != nil {
			return exit{exitServe, err}
		}
		f.adminToken = hex.EncodeToString(b[:])
	}
	opts = append(opts, mockserver.AdminToken(f.adminToken))
	if f.adminPort >= 0 {
		opts = append(opts, mockserver.AdminApart())
	}
	// Reading six contracts makes 15 MiB of short-lived garbage; collecting it
	// meanwhile is a third of the start. What is left over is given back below.
	gc := debug.SetGCPercent(-1)
	srv, err := mockserver.New(opts...)
	debug.SetGCPercent(gc)
	if err != nil {
		return exit{exitUsage, err}
	}
	defer func() { _ = srv.Close() }()
	l, err := listen(f.host, f.port, "--port")
	if err != nil {
		return exit{exitServe, err}
	}
	srv.Serve(l)
	adminURL := srv.URL() + mockserver.AdminPath
	if f.adminPort >= 0 {
		al, err := listen(f.host, f.adminPort, "--admin-port")
		if err != nil {
			return exit{exitServe, err}
		}
		as := &http.Server{Handler: srv.Admin(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second}
		go func() { _ = as.Serve(al) }() // ends with Close
		defer func() { _ = as.Close() }()
		if _, port, err := net.SplitHostPort(al.Addr().String()); err == nil {
			adminURL = srv.URL()[:strings.LastIndexByte(srv.URL(), ':')] + ":" + port + mockserver.AdminPath
		}
	}
	fmt.Fprintf(stdout, "listening url=%s\n", srv.URL())
	switch {
	case !f.quiet:
		srv.Banner(stdout, adminURL, f.adminToken)
	case made: // nobody could know it otherwise
		fmt.Fprintf(stdout, "control-token=%s\n", f.adminToken)
	}
	if f.readyFile != "" {
		if err := ready(f.readyFile, srv.URL()); err != nil {
			return exit{exitServe, err}
		}
		defer func() { _ = os.Remove(f.readyFile) }()
	}
	go debug.FreeOSMemory()
	<-ctx.Done()
	end, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = srv.Shutdown(end)
	return nil
}

// stale removes a ready file that a server left behind which could not end by
// itself: who waits for the file would read the URL of that one.
func stale(file string) error {
	info, err := os.Stat(file)
	if file == "" || errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil && info.IsDir() {
		err = errors.New("it is a folder")
	}
	if err == nil {
		err = os.Remove(file)
	}
	if err != nil {
		return fmt.Errorf("the ready file %s cannot be written: %w", file, err)
	}
	return nil
}

// ready writes the file whole, so that who waits for it never reads half.
func ready(file, url string) error {
	tmp := file + ".tmp"
	if err := os.WriteFile(tmp, []byte(url+"\n"), 0o600); err != nil {
		return fmt.Errorf("the ready file cannot be written: %w", err)
	}
	if err := os.Rename(tmp, file); err != nil {
		_ = os.Remove(tmp)
		return fmt.Errorf("the ready file cannot be written: %w", err)
	}
	return nil
}

// listen opens a port; flag is what chooses another one.
func listen(host string, port int, flag string) (net.Listener, error) {
	l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	switch {
	case err == nil:
		return l, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("port %d is in use; stop what uses it, or choose another with %s (0 picks a free one)", port, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("port %d is not allowed for this user; choose one above 1023 with %s", port, flag)
	}
	return nil, fmt.Errorf("%s port %d: %w", host, port, err)
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

func logger(f serveFlags, w io.Writer) (*slog.Logger, error) {
	o := &slog.HandlerOptions{Level: slog.LevelInfo}
	if f.quiet {
		o.Level = slog.LevelWarn
	}
	switch f.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return nil, fmt.Errorf("--log-format is text or json, not %q", f.logFormat)
}
