export default function Guarded() {
  return <pre>the guarded page</pre>
}
