// Command bare is what the mock is measured against: the least that a Go
// program can do and still answer a login. It decodes the JSON it is sent and
// encodes a constant answer; it routes, checks and remembers nothing.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	address := flag.String("address", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	if err := serve(*address); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

type answer struct {
	Token   string `json:"token"`
	Type    string `json:"type"`
	Expires int    `json:"expires"`
}

func serve(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		var in any
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		reply(w)
	})
	mux.HandleFunc("GET /whoami", func(w http.ResponseWriter, _ *http.Request) { reply(w) })
	fmt.Printf("listening url=http://%s\n", l.Addr())
	return (&http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}).Serve(l)
}

func reply(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer{Token: "0123456789abcdef0123456789abcdef", Type: "Bearer", Expires: 1200}) // the client has gone: nobody to tell
}
