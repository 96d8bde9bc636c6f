package mockserver

import ("testing";"net/http";"net/http/httptest";"strings")

func BenchmarkZZNew(b *testing.B){ b.ReportAllocs(); for b.Loop(){ if _,err:=New(); err!=nil{b.Fatal(err)} } }
func BenchmarkZZNewOne(b *testing.B){ b.ReportAllocs(); for b.Loop(){ if _,err:=New(System("wedia")); err!=nil{b.Fatal(err)} } }
func benchReq(b *testing.B, ct, path, body string){
 s,err:=New(); if err!=nil{b.Fatal(err)}
 b.ReportAllocs()
 for b.Loop(){ r:=httptest.NewRequest("POST",path,strings.NewReader(body)); r.Header.Set("Content-Type",ct); if ct=="application/xml"{r.Header.Set("Accept",ct)}; w:=httptest.NewRecorder(); s.ServeHTTP(w,r); if w.Code!=200&&w.Code!=201{b.Fatal(w.Code,w.Body.String())} }
}
func BenchmarkZZLoginJMap(b *testing.B){ benchReq(b,"application/json","/services/rest/v2.0/session",`{"username":"jdo@company.com","password":"xxx","type":"NG"}`)}
func BenchmarkZZLoginLJ(b *testing.B){ benchReq(b,"application/json","/networking/rest/login",`{"platform":{"login":{"userName":"jim@acme.com","password":"jimacme"}}}`)}
func BenchmarkZZLoginLJXML(b *testing.B){ benchReq(b,"application/xml","/networking/rest/login",`<platform><login><userName>jim@acme.com</userName><password>jimacme</password></login></platform>`)}
func BenchmarkZZLoginWedia(b *testing.B){ benchReq(b,"application/x-www-form-urlencoded","/api/rest/signin",`login=john.roe&password=demo-john`)}
var _ = http.MethodGet
