import { AssistantCloud, AssistantRuntimeProvider } from "@assistant-ui/react";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { useAddress } from "./address";
import { Conversation } from "./conversation";
import { useChat } from "./runtime";
import { Sidebar } from "./sidebar";
import "./styles.css";

// All that keeps the conversations: an unchanged client, pointed at the server of this page.
// Each browser profile is a visitor of its own.
const cloud = new AssistantCloud({ baseUrl: window.location.origin, anonymous: true });

function Page() {
  useAddress();
  return (
    <div className="page">
      <Sidebar />
      <Conversation />
    </div>
  );
}

function App() {
  const runtime = useChat(cloud);
  return (
    <AssistantRuntimeProvider runtime={runtime}>
      <Page />
    </AssistantRuntimeProvider>
  );
}

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
