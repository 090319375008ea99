module github.com/hawser-go/hawser

go 1.26.0
