export default function Static() {
  return <pre>the same for everybody</pre>
}
